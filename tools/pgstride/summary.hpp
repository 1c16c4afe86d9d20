// What a person reads at the end of a run. Pure.
#pragma once

#include <string>

#include "pgstride/events.hpp"

namespace pgstride::cli {

/// Tables with rows, bytes, files, time and MB/s, the totals, LSNs, and what the result promises.
/// `directory` goes into the commands that it names; long lines are wrapped at `width` columns
/// unless it is 0.
std::string summary_text(const JobSummary& summary, const std::string& directory, int width = 0);

/// That the job is paused, why, and how it goes on; empty if it isn't.
std::string paused_text(const JobSummary& summary, const std::string& directory);

}  // namespace pgstride::cli
