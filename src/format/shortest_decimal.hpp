// The shortest decimal number that reads back as a floating-point number, as PostgreSQL chooses it.
// Pure; any thread.
#pragma once

#include <array>
#include <cstddef>

namespace pgstride::format {

/// d.ddd × 10^exponent, without zeros at the end.
struct Decimal {
  std::array<char, 20> digits{};
  std::size_t count = 0;
  int exponent = 0;
};

/// Of a positive finite number. PostgreSQL's choice is that of std::to_chars, but for one thing: it
/// never takes a number exactly halfway between two floating-point numbers, so as not to rely on
/// how the reader rounds (STRICTLY_SHORTEST of its src/common/ryu_common.h).
Decimal shortest_decimal(double value);
Decimal shortest_decimal(float value);

}  // namespace pgstride::format
