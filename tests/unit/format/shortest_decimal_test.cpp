// The digits PostgreSQL chooses; the values were printed by a server (tests/db/format has
// millions).
#include <doctest/doctest.h>

#include <string>

#include "format/shortest_decimal.hpp"

namespace pgstride::format {
namespace {

template <typename Float> std::string digits(Float value) {
  const auto decimal = shortest_decimal(value);
  return std::string(decimal.digits.data(), decimal.count) + "e" + std::to_string(decimal.exponent);
}

}  // namespace

TEST_CASE("The shortest digits that read back are found") {
  CHECK(digits(0.1) == "1e-1");
  CHECK(digits(0.1F) == "1e-1");
  CHECK(digits(0.1 + 0.2) == "30000000000000004e-1");
  CHECK(digits(5e-324) == "5e-324");
  CHECK(digits(1.7976931348623157e308) == "17976931348623157e308");
  CHECK(digits(9007199254740992.0) == "9007199254740992e15");
  CHECK(digits(16777216.0F) == "16777216e7");
  CHECK(digits(1e15) == "1e15");
}

TEST_CASE("A decimal exactly halfway between two numbers is never taken") {
  CHECK(digits(1e23) == "9999999999999999e22");
  CHECK(digits(9.5e21) == "9500000000000001e21");
  CHECK(digits(8.41e21) == "8409999999999999e21");
  CHECK(digits(29539200000.0F) == "29539201e10");
}

}  // namespace pgstride::format
