// Intervals in the style `postgres`: EncodeInterval of PostgreSQL's
// src/backend/utils/adt/datetime.c.
#include <cstdlib>
#include <limits>

#include "base/big_endian.hpp"
#include "format/formatters.hpp"
#include "format/time_parts.hpp"

namespace pgstride::format {

namespace {

struct Interval {
  std::int64_t time = 0;  ///< microseconds
  std::int32_t days = 0;
  std::int32_t months = 0;
};

Interval read_interval(const char* data) {
  return {big_endian<std::int64_t>(data), big_endian<std::int32_t>(data + 8),
          big_endian<std::int32_t>(data + 12)};
}

/// The parts so far: a minus needs a sign on the part behind it.
struct Written {
  char* at = nullptr;
  bool any = false;
  bool after_minus = false;
};

void write_part(Written& written, std::int32_t value, std::string_view unit) {
  if (value == 0) {
    return;
  }
  char* at = written.at;
  if (written.any) {
    *at++ = ' ';
  }
  if (written.after_minus && value > 0) {
    *at++ = '+';
  }
  at = write_signed(at, value);
  *at++ = ' ';
  at = write(at, unit);
  if (value != 1) {
    *at++ = 's';
  }
  written = {at, true, value < 0};
}

char* write_time(const Written& written, std::int64_t time) {
  char* at = written.at;
  if (written.any) {
    *at++ = ' ';
  }
  auto left = static_cast<std::uint64_t>(time);
  if (time < 0) {
    *at++ = '-';
    left = 0 - left;
  } else if (written.after_minus) {
    *at++ = '+';
  }
  const std::uint64_t hours = left / 3'600'000'000;
  left %= 3'600'000'000;
  at = hours < 100 ? write_pair(at, static_cast<unsigned>(hours)) : write_unsigned(at, hours);
  *at++ = ':';
  at = write_pair(at, static_cast<unsigned>(left / 60'000'000));
  *at++ = ':';
  left %= 60'000'000;
  return write_seconds(at, static_cast<unsigned>(left / 1'000'000),
                       static_cast<unsigned>(left % 1'000'000));
}

char* write_interval(char* at, const Interval& interval) {
  Written written{at};
  write_part(written, interval.months / 12, "year");
  write_part(written, interval.months % 12, "mon");
  write_part(written, interval.days, "day");
  return interval.time != 0 || !written.any ? write_time(written, interval.time) : written.at;
}

template <typename Limit> bool is_extreme(const Interval& interval, Limit limit) {
  return interval.time == limit(std::int64_t{}) && interval.days == limit(std::int32_t{}) &&
         interval.months == limit(std::int32_t{});
}

}  // namespace

char* format_interval(char* at, const char* data, std::size_t /*size*/) {
  const auto interval = read_interval(data);
  constexpr auto k_most = [](auto zero) { return std::numeric_limits<decltype(zero)>::max(); };
  constexpr auto k_least = [](auto zero) { return std::numeric_limits<decltype(zero)>::min(); };
  if (is_extreme(interval, k_most)) {
    return write(at, "infinity");
  }
  if (is_extreme(interval, k_least)) {
    return write(at, "-infinity");
  }
  return write_interval(at, interval);
}

char* format_finite_interval(char* at, const char* data, std::size_t /*size*/) {
  return write_interval(at, read_interval(data));
}

}  // namespace pgstride::format
