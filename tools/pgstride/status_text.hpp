// A job's status as people read it. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "pgstride/job.hpp"

namespace pgstride::cli {

/// `now_us`: microseconds since 1970, for "3 min ago". Long lines are wrapped at `width` columns
/// unless it is 0.
std::string status_text(const JobStatus& status, const std::string& directory, std::int64_t now_us,
                        int width);
/// One line, for output that can't be redrawn.
std::string status_line(const JobStatus& status, std::int64_t now_us);
/// A line a chunk.
std::string chunks_text(const JobStatus& status);

}  // namespace pgstride::cli
