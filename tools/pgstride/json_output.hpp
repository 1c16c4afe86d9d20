// Standard output: data and JSON only. One thread at a time.
#pragma once

#include <string_view>

#include "json_shapes.hpp"

namespace pgstride::cli {

/// Writes to standard output at once. A reader that went away (EPIPE) ends the output silently, as
/// in `pgstride plan | head`; anything else throws Error (io).
void print_data(std::string_view bytes);

/// One object on a line. Never throws where print_data would: an event must not end a job.
void print_json(const Json& json) noexcept;

}  // namespace pgstride::cli
