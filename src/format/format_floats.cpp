// float4 and float8 as extra_float_digits = 3 prints them: float8out_internal of PostgreSQL's
// src/backend/utils/adt/float.c and double_to_shortest_decimal_buf of its src/common/d2s.c.
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "base/big_endian.hpp"
#include "format/digits.hpp"
#include "format/formatters.hpp"
#include "format/shortest_decimal.hpp"

namespace pgstride::format {

namespace {

/// 1.5e-05, 0.00015, 15000, 1.5e+15: fixed where printf's %g with this precision would be.
char* write_decimal(char* at, const Decimal& decimal, int precision) {
  const std::string_view digits(decimal.digits.data(), decimal.count);
  const auto count = static_cast<int>(decimal.count);
  const int exponent = decimal.exponent;
  if (exponent < -4 || exponent >= precision) {
    *at++ = digits[0];
    if (count > 1) {
      *at++ = '.';
      at = write(at, digits.substr(1));
    }
    *at++ = 'e';
    *at++ = exponent < 0 ? '-' : '+';
    const auto size = static_cast<unsigned>(std::abs(exponent));
    return size < 100 ? write_pair(at, size) : write_unsigned(at, size);
  }
  if (exponent < 0) {
    at = write(at, std::string_view("0.000").substr(0, static_cast<std::size_t>(1 - exponent)));
    return write(at, digits);
  }
  const int whole = exponent + 1;  // digits before the point
  if (count <= whole) {
    at = write(at, digits);
    return write(
        at, std::string_view("000000000000000").substr(0, static_cast<std::size_t>(whole - count)));
  }
  at = write(at, digits.substr(0, static_cast<std::size_t>(whole)));
  *at++ = '.';
  return write(at, digits.substr(static_cast<std::size_t>(whole)));
}

template <typename Float> char* write_float(char* at, Float value, int precision) {
  if (std::isnan(value)) {
    return write(at, "NaN");
  }
  if (std::signbit(value)) {
    *at++ = '-';
    value = -value;
  }
  if (std::isinf(value)) {
    return write(at, "Infinity");
  }
  if (value == 0) {
    *at++ = '0';
    return at;
  }
  return write_decimal(at, shortest_decimal(value), precision);
}

}  // namespace

char* format_float4(char* at, const char* data, std::size_t /*size*/) {
  constexpr int k_precision = 6;
  return write_float(at, std::bit_cast<float>(big_endian<std::uint32_t>(data)), k_precision);
}

char* format_float8(char* at, const char* data, std::size_t /*size*/) {
  constexpr int k_precision = 15;
  return write_float(at, std::bit_cast<double>(big_endian<std::uint64_t>(data)), k_precision);
}

}  // namespace pgstride::format
