// Wall-clock time as stored and printed: microseconds since 1970, UTC. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace pgstride {

/// Microseconds since 1970-01-01 00:00 UTC.
std::int64_t now_us();

/// ISO 8601 in UTC with microseconds: `2024-02-01T13:45:00.000123Z`.
std::string iso_utc(std::int64_t us);

}  // namespace pgstride
