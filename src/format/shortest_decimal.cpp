#include "format/shortest_decimal.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

namespace pgstride::format {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::size_t k_text = 32;  // of a float8 in scientific form: 17 digits, point, exponent

/// Takes `d.ddde+xx` apart; the exponent has two digits or three.
Decimal parsed(std::string_view text) {
  const std::size_t e = text[text.size() - 4] == 'e' ? text.size() - 4 : text.size() - 5;
  Decimal decimal;
  decimal.digits[0] = text[0];
  decimal.count = 1;
  if (e > 1) {
    std::memcpy(&decimal.digits[1], &text[2], e - 2);
    decimal.count = e - 1;
  }
  for (const char c : text.substr(e + 2)) {
    decimal.exponent = decimal.exponent * 10 + (c - '0');
  }
  if (text[e + 1] == '-') {
    decimal.exponent = -decimal.exponent;
  }
  return decimal;
}

void drop_zeros(Decimal& decimal) {
  while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0') {
    --decimal.count;
  }
}

template <typename Float, typename... Precision>
Decimal scientific(Float value, Precision... precision) {
  std::array<char, k_text> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::scientific, precision...);
  return parsed({text.data(), static_cast<std::size_t>(end.ptr - text.data())});
}

std::uint64_t digits_of(const Decimal& decimal) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < decimal.count; ++i) {
    number = number * 10 + static_cast<unsigned>(decimal.digits[i] - '0');
  }
  return number;
}

/// mantissa × 2^exponent, the mantissa with all bits of the type.
struct Binary {
  std::uint64_t mantissa = 0;
  int exponent = 0;
};

template <typename Float> Binary binary_of(Float value) {
  constexpr int k_bits = std::numeric_limits<Float>::digits;
  int exponent = 0;
  const Float fraction = std::frexp(value, &exponent);
  return {static_cast<std::uint64_t>(std::ldexp(fraction, k_bits)), exponent - k_bits};
}

/// Whether decimal = odd × 2^exponent with the odd number given. What is looked at here is so large
/// that its decimals are whole numbers but for one or two places (see may_be_halfway()).
bool equals(const Decimal& decimal, std::uint64_t odd, int exponent) {
  Wide number = digits_of(decimal);
  int fives = decimal.exponent - static_cast<int>(decimal.count) + 1;
  int twos = fives;  // decimal = number × 5^fives × 2^twos
  Wide other = odd;
  for (; fives < 0; ++fives) {
    other *= 5;
  }
  while (number % 2 == 0) {
    number /= 2;
    ++twos;
  }
  for (; fives > 0 && number <= other; --fives) {
    number *= 5;
  }
  if (fives > 0) {
    return false;
  }
  return number == other && twos == exponent;
}

/// The decimal is exactly between `value` and a neighbour: (2m ± 1) × 2^(exponent - 1). (Below a
/// power of two the neighbour is nearer: (4m - 1) × 2^(exponent - 2).)
bool is_halfway(const Decimal& decimal, const Binary& binary, bool power_of_two) {
  const auto below = power_of_two ? equals(decimal, 4 * binary.mantissa - 1, binary.exponent - 2)
                                  : equals(decimal, 2 * binary.mantissa - 1, binary.exponent - 1);
  return below || equals(decimal, 2 * binary.mantissa + 1, binary.exponent - 1);
}

template <typename Float> bool reads_back(const Decimal& decimal, Float value) {
  std::array<char, k_text + 8> text;
  char* end = text.data();
  for (std::size_t i = 0; i < decimal.count; ++i) {
    *end++ = decimal.digits[i];
  }
  *end++ = 'e';
  end = std::to_chars(end, text.data() + text.size(),
                      decimal.exponent - static_cast<int>(decimal.count) + 1)
            .ptr;
  Float read = 0;
  std::from_chars(text.data(), end, read);
  return read == value;
}

/// The next decimal of as many digits upwards.
Decimal next_up(Decimal decimal, std::size_t digits) {
  while (decimal.count < digits) {
    decimal.digits[decimal.count++] = '0';
  }
  std::size_t i = digits;
  while (i > 0 && decimal.digits[i - 1] == '9') {
    decimal.digits[--i] = '0';
  }
  if (i == 0) {
    decimal.digits[0] = '1';
    ++decimal.exponent;
  } else {
    ++decimal.digits[i - 1];
  }
  drop_zeros(decimal);
  return decimal;
}

/// Only such a number can have a halfway decimal of no more digits than its type needs: its
/// mantissa's neighbours times 5^-e must not exceed those digits (e is -2 at least), and 5^e not
/// the mantissa (e is 23 at most).
template <typename Float> bool may_be_halfway(Float value) {
  constexpr bool k_double = std::numeric_limits<Float>::digits > 24;
  constexpr auto k_least = static_cast<Float>(k_double ? 0x1p51 : 0x1p21);
  constexpr auto k_most = static_cast<Float>(k_double ? 1e41 : 1e21);
  return value >= k_least && value <= k_most;
}

template <typename Float> Decimal shortest(Float value) {
  const auto decimal = scientific(value);
  if (!may_be_halfway(value)) {
    return decimal;
  }
  const auto binary = binary_of(value);
  const bool power_of_two = binary.mantissa == std::uint64_t{1}
                                                   << (std::numeric_limits<Float>::digits - 1);
  const auto fits = [&](const Decimal& candidate) {
    return reads_back(candidate, value) && !is_halfway(candidate, binary, power_of_two);
  };
  if (fits(decimal)) {
    return decimal;
  }
  for (auto digits = decimal.count; digits < std::numeric_limits<Float>::max_digits10; ++digits) {
    auto nearest = scientific(value, static_cast<int>(digits) - 1);
    drop_zeros(nearest);
    if (fits(nearest)) {
      return nearest;
    }
    if (const auto above = next_up(nearest, digits); fits(above)) {
      return above;
    }
  }
  return scientific(value, std::numeric_limits<Float>::max_digits10 - 1);
}

}  // namespace

Decimal shortest_decimal(double value) {
  return shortest(value);
}

Decimal shortest_decimal(float value) {
  return shortest(value);
}

}  // namespace pgstride::format
