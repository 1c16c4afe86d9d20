#include <doctest/doctest.h>

#include <limits>

#include "plan/key_position.hpp"

using namespace pgstride::plan;

namespace {

std::string round_trip(const std::string& type, const std::string& value) {
  const auto position = position_of(type, value);
  return position ? value_at(type, *position) : "none";
}

}  // namespace

TEST_CASE("Values of ordered types survive the way through their position") {
  for (const auto* value : {"-9223372036854775808", "9223372036854775807", "0", "-1"}) {
    CHECK(round_trip("pg_catalog.int8", value) == value);
  }
  for (const auto* value : {"1970-01-01", "2024-02-29", "1999-12-31", "0001-01-01", "0001-12-31 BC",
                            "4713-01-01 BC", "5874897-12-31", "12345-03-01"}) {
    CHECK(round_trip("pg_catalog.date", value) == value);
  }
  for (const auto* value :
       {"2024-02-01 13:45:00", "1969-12-31 23:59:59.999999", "2000-01-01 00:00:00.5",
        "0044-03-15 12:00:00.00012 BC", "294276-12-31 23:59:59.999999"}) {
    CHECK(round_trip("pg_catalog.\"timestamp\"", value) == value);
  }
  CHECK(round_trip("pg_catalog.timestamptz", "2024-02-01 13:45:00.1+00") ==
        "2024-02-01 13:45:00.1+00");
  CHECK(round_trip("pg_catalog.timestamptz", "0044-03-15 12:00:00+00 BC") ==
        "0044-03-15 12:00:00+00 BC");
  for (const auto* value :
       {"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "7fffffff-ffff-ffff-ffff-ffffffffffff", "0123abcd-4567-89ef-0123-456789abcdef"}) {
    CHECK(round_trip("pg_catalog.uuid", value) == value);
  }
}

TEST_CASE("Infinite times and other types have no position") {
  CHECK_FALSE(position_of("pg_catalog.date", "infinity"));
  CHECK_FALSE(position_of("pg_catalog.timestamptz", "-infinity"));
  CHECK_FALSE(position_of("pg_catalog.timestamptz", "2024-02-01 13:45:00+02"));
  CHECK_FALSE(position_of("pg_catalog.text", "1"));
  CHECK_FALSE(position_of("public.int8", "1"));
  CHECK_FALSE(has_positions("pg_catalog.float8"));
}

TEST_CASE("Positions are ordered as the values") {
  CHECK(*position_of("pg_catalog.uuid", "7fffffff-ffff-ffff-ffff-ffffffffffff") <
        *position_of("pg_catalog.uuid", "80000000-0000-0000-0000-000000000000"));
  CHECK(*position_of("pg_catalog.date", "0001-12-31 BC") + 1 ==
        *position_of("pg_catalog.date", "0001-01-01"));
}

TEST_CASE("A point between the ends of any type's range does not overflow") {
  const Int128 low = std::numeric_limits<std::int64_t>::min();
  const Int128 high = std::numeric_limits<std::int64_t>::max();
  CHECK(between(low, high, 0) == low);
  CHECK(between(low, high, 1) == high);
  CHECK(between(low, high, 0.5) == -1);
  const auto first = *position_of("pg_catalog.uuid", "00000000-0000-0000-0000-000000000000");
  const auto last = *position_of("pg_catalog.uuid", "ffffffff-ffff-ffff-ffff-ffffffffffff");
  CHECK(value_at("pg_catalog.uuid", between(first, last, 0.5)).substr(0, 4) == "7fff");
  CHECK(value_at("pg_catalog.uuid", between(first, last, 0.25)).substr(0, 4) == "3fff");
  CHECK(between(10, 11, 0.9) == 10);
}
