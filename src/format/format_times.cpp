// Dates and times in ISO style, the time zone UTC: EncodeDateOnly, EncodeTimeOnly and
// EncodeDateTime of PostgreSQL's src/backend/utils/adt/datetime.c.
#include <limits>

#include "base/big_endian.hpp"
#include "format/digits.hpp"
#include "format/formatters.hpp"
#include "format/time_parts.hpp"

namespace pgstride::format {

namespace {

constexpr std::int64_t k_day_us = 86'400'000'000;

struct CivilDate {
  std::int64_t year = 0;  ///< 0 is 1 BC
  unsigned month = 0;
  unsigned day = 0;
};

// Cassio Neri and Lorenz Schneider, "Euclidean affine functions and their application to calendar
// algorithms" (2022), figure 12: the computational calendar's year begins in March.
CivilDate civil_date(std::int64_t days_since_2000) {
  constexpr std::int64_t k_eras = 15'000;  // of 400 years, to be positive: dates end in 5874897
  constexpr std::int64_t k_era_days = 146'097;
  constexpr std::int64_t k_from_march_0000 = 730'425;  // days from 0000-03-01 to 2000-01-01
  const auto n =
      static_cast<std::uint64_t>(days_since_2000 + k_from_march_0000 + k_eras * k_era_days);
  const std::uint64_t n1 = 4 * n + 3;
  const std::uint64_t century = n1 / 146'097;
  const auto n2 = static_cast<std::uint32_t>(n1 % 146'097) | 3U;
  const std::uint64_t p2 = std::uint64_t{2'939'745} * n2;
  const auto year_of_century = static_cast<std::uint32_t>(p2 >> 32U);
  const std::uint32_t day_of_year = static_cast<std::uint32_t>(p2) / 2'939'745 / 4;
  const std::uint32_t n3 = 2141 * day_of_year + 197'913;
  const std::uint32_t month = n3 >> 16U;
  const bool next_year = day_of_year >= 306;  // January and February
  CivilDate date;
  date.year = static_cast<std::int64_t>(100 * century + year_of_century) - 400 * k_eras +
              (next_year ? 1 : 0);
  date.month = next_year ? month - 12 : month;
  date.day = (n3 & 0xffffU) / 2141 + 1;
  return date;
}

char* write_date(char* at, const CivilDate& date) {
  const auto year = static_cast<std::uint64_t>(date.year > 0 ? date.year : 1 - date.year);
  at = year < 10'000 ? write_four(at, static_cast<unsigned>(year)) : write_unsigned(at, year);
  *at++ = '-';
  at = write_pair(at, date.month);
  *at++ = '-';
  return write_pair(at, date.day);
}

char* write_era(char* at, const CivilDate& date) {
  return date.year > 0 ? at : write(at, " BC");
}

/// The most and least of a type stand for infinity.
template <typename Number> const char* infinity(Number value) {
  return value == std::numeric_limits<Number>::max()   ? "infinity"
         : value == std::numeric_limits<Number>::min() ? "-infinity"
                                                       : nullptr;
}

char* write_timestamp(char* at, const char* data, std::string_view zone) {
  const auto value = big_endian<std::int64_t>(data);
  if (const char* text = infinity(value)) {
    return write(at, text);
  }
  std::int64_t day = value / k_day_us;
  std::int64_t time = value % k_day_us;
  if (time < 0) {
    time += k_day_us;
    --day;
  }
  const auto date = civil_date(day);
  at = write_date(at, date);
  *at++ = ' ';
  at = write_clock(at, static_cast<std::uint64_t>(time));
  return write_era(write(at, zone), date);
}

std::uint64_t checked_time(const char* data) {
  const auto time = big_endian<std::int64_t>(data);
  if (time < 0 || time > k_day_us) {  // 24:00:00 is a time
    throw BadValue{"a time outside the day"};
  }
  return static_cast<std::uint64_t>(time);
}

}  // namespace

char* format_date(char* at, const char* data, std::size_t /*size*/) {
  const auto value = big_endian<std::int32_t>(data);
  if (const char* text = infinity(value)) {
    return write(at, text);
  }
  const auto date = civil_date(value);
  return write_era(write_date(at, date), date);
}

char* format_time(char* at, const char* data, std::size_t /*size*/) {
  return write_clock(at, checked_time(data));
}

char* format_timetz(char* at, const char* data, std::size_t /*size*/) {
  at = write_clock(at, checked_time(data));
  const auto west = big_endian<std::int32_t>(data + 8);  // seconds
  constexpr std::int32_t k_most = 16 * 3600;  // under 16 hours: TZDISP_LIMIT of src/include/utils
  if (west <= -k_most || west >= k_most) {
    throw BadValue{"a time zone of 16 hours or more"};
  }
  *at++ = west <= 0 ? '+' : '-';
  const auto seconds = static_cast<unsigned>(west < 0 ? -west : west);
  at = write_pair(at, seconds / 3600);
  if (seconds % 3600 != 0) {
    *at++ = ':';
    at = write_pair(at, seconds / 60 % 60);
  }
  if (seconds % 60 != 0) {
    *at++ = ':';
    at = write_pair(at, seconds % 60);
  }
  return at;
}

char* format_timestamp(char* at, const char* data, std::size_t /*size*/) {
  return write_timestamp(at, data, "");
}

char* format_timestamptz(char* at, const char* data, std::size_t /*size*/) {
  return write_timestamp(at, data, "+00");
}

}  // namespace pgstride::format
