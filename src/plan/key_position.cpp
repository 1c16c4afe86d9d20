#include "plan/key_position.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

namespace pgstride::plan {

namespace {

enum class Kind { none, integer, date, timestamp, timestamptz, uuid };

constexpr std::int64_t k_day_us = 86'400'000'000;
const UInt128 k_top_bit = static_cast<UInt128>(1) << 127;

Kind kind_of(const std::string& type) {
  if (type == "pg_catalog.int2" || type == "pg_catalog.int4" || type == "pg_catalog.int8" ||
      type == "pg_catalog.oid") {
    return Kind::integer;
  }
  if (type == "pg_catalog.date") {
    return Kind::date;
  }
  if (type == "pg_catalog.\"timestamp\"" || type == "pg_catalog.timestamp") {
    return Kind::timestamp;
  }
  if (type == "pg_catalog.timestamptz") {
    return Kind::timestamptz;
  }
  return type == "pg_catalog.uuid" ? Kind::uuid : Kind::none;
}

// Days of the proleptic Gregorian calendar since 1970-01-01; std::chrono's years end at 32767,
// PostgreSQL's at 5874897. Years are counted from March, so that a leap day is the last.
std::int64_t days_of(std::int64_t year, std::int64_t month, std::int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

struct Civil {
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;
};

Civil civil_of(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t day_of_era = days - era * 146'097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t from_march = (5 * day_of_year + 2) / 153;
  const std::int64_t month = from_march < 10 ? from_march + 3 : from_march - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * from_march + 2) / 5 + 1};
}

/// Reads numbers parted by given characters.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : m_text(text) {}
  bool number(std::int64_t& value) {
    const auto result = std::from_chars(m_text.data(), m_text.data() + m_text.size(), value);
    if (result.ec != std::errc()) {
      return false;
    }
    m_text.remove_prefix(static_cast<std::size_t>(result.ptr - m_text.data()));
    return true;
  }
  bool skip(char c) {
    const bool found = !m_text.empty() && m_text.front() == c;
    m_text.remove_prefix(found ? 1 : 0);
    return found;
  }
  [[nodiscard]] std::string_view rest() const { return m_text; }
  void drop(std::size_t count) { m_text.remove_prefix(count); }

 private:
  std::string_view m_text;
};

bool read_date(Scanner& scanner, std::int64_t& year, std::int64_t& month, std::int64_t& day) {
  return scanner.number(year) && scanner.skip('-') && scanner.number(month) && scanner.skip('-') &&
         scanner.number(day);
}

// `13:45:01.5` after a blank; the fraction is of up to six digits.
bool read_time(Scanner& scanner, std::int64_t& us) {
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;
  if (!(scanner.skip(' ') && scanner.number(hour) && scanner.skip(':') && scanner.number(minute) &&
        scanner.skip(':') && scanner.number(second))) {
    return false;
  }
  us = ((hour * 60 + minute) * 60 + second) * 1'000'000;
  if (scanner.skip('.')) {
    std::int64_t unit = 100'000;
    while (!scanner.rest().empty() && scanner.rest().front() >= '0' &&
           scanner.rest().front() <= '9') {
      us += (scanner.rest().front() - '0') * unit;
      unit /= 10;
      scanner.drop(1);
    }
  }
  return true;
}

// ISO style as the session sets it: `0044-03-15 12:00:00+00 BC`.
std::optional<Int128> time_position(Kind kind, const std::string& value) {
  Scanner scanner(value);
  std::int64_t year = 0;
  std::int64_t month = 0;
  std::int64_t day = 0;
  std::int64_t us = 0;
  if (!read_date(scanner, year, month, day) || (kind != Kind::date && !read_time(scanner, us))) {
    return std::nullopt;  // infinity
  }
  auto rest = scanner.rest();
  if (kind == Kind::timestamptz) {
    if (rest.substr(0, 3) != "+00") {
      return std::nullopt;
    }
    rest.remove_prefix(3);
  }
  if (rest == " BC") {
    year = 1 - year;
  } else if (!rest.empty()) {
    return std::nullopt;
  }
  const Int128 days = days_of(year, month, day);
  return kind == Kind::date ? days : days * k_day_us + us;
}

std::string time_value(Kind kind, Int128 position) {
  const Int128 unit = kind == Kind::date ? 1 : k_day_us;
  Int128 days = position / unit;
  if (position % unit < 0) {
    days -= 1;
  }
  const auto us = static_cast<std::int64_t>(position - days * unit);
  const auto civil = civil_of(static_cast<std::int64_t>(days));
  const auto year = civil.year > 0 ? civil.year : 1 - civil.year;
  auto text = fmt::format("{:04}-{:02}-{:02}", year, civil.month, civil.day);
  if (kind != Kind::date) {
    const auto seconds = us / 1'000'000;
    text += fmt::format(" {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (us % 1'000'000 != 0) {
      auto fraction = fmt::format(".{:06}", us % 1'000'000);
      fraction.erase(fraction.find_last_not_of('0') + 1);
      text += fraction;
    }
    text += kind == Kind::timestamptz ? "+00" : "";
  }
  return civil.year > 0 ? text : text + " BC";
}

std::optional<Int128> uuid_position(const std::string& value) {
  UInt128 bits = 0;
  int digits = 0;
  for (const char c : value) {
    if (c == '-') {
      continue;
    }
    int digit = 0;
    const auto result = std::from_chars(&c, &c + 1, digit, 16);
    if (result.ec != std::errc()) {
      return std::nullopt;
    }
    bits = bits << 4 | static_cast<UInt128>(digit);
    ++digits;
  }
  return digits == 32 ? std::optional(static_cast<Int128>(bits ^ k_top_bit)) : std::nullopt;
}

std::string uuid_value(Int128 position) {
  const auto bits = static_cast<UInt128>(position) ^ k_top_bit;
  const auto digits = fmt::format("{:016x}{:016x}", static_cast<std::uint64_t>(bits >> 64),
                                  static_cast<std::uint64_t>(bits));
  return digits.substr(0, 8) + "-" + digits.substr(8, 4) + "-" + digits.substr(12, 4) + "-" +
         digits.substr(16, 4) + "-" + digits.substr(20);
}

}  // namespace

bool has_positions(const std::string& type) {
  return kind_of(type) != Kind::none;
}

std::optional<Int128> position_of(const std::string& type, const std::string& value) {
  const auto kind = kind_of(type);
  switch (kind) {
  case Kind::none:
    return std::nullopt;
  case Kind::integer: {
    std::int64_t number = 0;
    const auto* end = value.data() + value.size();
    const auto result = std::from_chars(value.data(), end, number);
    return result.ec == std::errc() && result.ptr == end ? std::optional<Int128>(number)
                                                         : std::nullopt;
  }
  case Kind::uuid:
    return uuid_position(value);
  default:
    return time_position(kind, value);
  }
}

std::string value_at(const std::string& type, Int128 position) {
  const auto kind = kind_of(type);
  switch (kind) {
  case Kind::uuid:
    return uuid_value(position);
  case Kind::date:
  case Kind::timestamp:
  case Kind::timestamptz:
    return time_value(kind, position);
  default:
    return std::to_string(static_cast<std::int64_t>(position));
  }
}

Int128 between(Int128 low, Int128 high, double fraction) {
  const auto width = static_cast<UInt128>(high) - static_cast<UInt128>(low);
  constexpr double k_unit = 4'294'967'296.0;  // 2^32: the fraction in whole numbers
  const auto part = static_cast<UInt128>(std::clamp(fraction, 0.0, 1.0) * k_unit);
  const UInt128 low_bits = width & 0xffffffffU;
  const auto offset = (width >> 32) * part + (low_bits * part >> 32);
  return static_cast<Int128>(static_cast<UInt128>(low) + offset);
}

}  // namespace pgstride::plan
