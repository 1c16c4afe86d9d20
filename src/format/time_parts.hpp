// `hh:mm:ss.ffffff`, which times, timestamps and intervals have in common. Pure; any thread.
#pragma once

#include <cstdint>

#include "format/digits.hpp"
#include "format/value_formatter.hpp"

namespace pgstride::format {

/// Seconds of two digits and the fraction without zeros at its end (AppendSeconds of PostgreSQL's
/// src/backend/utils/adt/datetime.c).
inline char* write_seconds(char* at, unsigned seconds, unsigned microseconds) {
  at = write_pair(at, seconds);
  if (microseconds != 0) {
    *at++ = '.';
    at = write_pair(at, microseconds / 10'000);
    at = write_four(at, microseconds % 10'000);
    while (at[-1] == '0') {
      --at;
    }
  }
  return at;
}

/// Microseconds since midnight, a day at most.
inline char* write_clock(char* at, std::uint64_t time) {
  const auto seconds = static_cast<unsigned>(time / 1'000'000);
  const auto fraction = static_cast<unsigned>(time % 1'000'000);
  at = write_pair(at, seconds / 3600);
  *at++ = ':';
  at = write_pair(at, seconds / 60 % 60);
  *at++ = ':';
  return write_seconds(at, seconds % 60, fraction);
}

}  // namespace pgstride::format
