// What `verify` prints for people. Pure.
#pragma once

#include <string>

#include "pgstride/job.hpp"

namespace pgstride::cli {

/// A line per difference, the outcome, and what to do about it.
std::string verify_text(const VerifyReport& report, const std::string& directory, bool with_source);

}  // namespace pgstride::cli
