// Messages to people: `pgstride: error: fact`, then DETAIL, CONTEXT and HINT lines. Pure.
#pragma once

#include <string>
#include <string_view>

#include "pgstride/error.hpp"

namespace pgstride::cli {

/// `level` is error or warning. Lines, each with its end.
std::string message_text(std::string_view level, std::string_view message, std::string_view hint);
std::string message_text(const Error& error);

}  // namespace pgstride::cli
