// numeric: get_str_from_var of PostgreSQL's src/backend/utils/adt/numeric.c.
#include <algorithm>

#include "base/big_endian.hpp"
#include "format/digits.hpp"
#include "format/formatters.hpp"
#include "format/value_formatter.hpp"

namespace pgstride::format {

namespace {

constexpr std::size_t k_head = 8;      // number of digits, weight of the first, sign, scale: int16
constexpr unsigned k_base = 10'000;    // of a digit
constexpr int k_digit_characters = 4;  // that a digit makes
constexpr unsigned k_most_scale = 0x3fff;

constexpr std::uint16_t k_negative = 0x4000;
constexpr std::uint16_t k_nan = 0xc000;
constexpr std::uint16_t k_infinity = 0xd000;
constexpr std::uint16_t k_minus_infinity = 0xf000;

class Numeric {
 public:
  Numeric(const char* data, std::size_t size) : m_digits(data + k_head) {
    if (size < k_head) {
      throw BadValue{"a numeric without its head"};
    }
    m_count = big_endian<std::uint16_t>(data);
    m_weight = big_endian<std::int16_t>(data + 2);
    m_sign = big_endian<std::uint16_t>(data + 4);
    m_scale = big_endian<std::uint16_t>(data + 6);
    if (size != k_head + std::size_t{2} * static_cast<unsigned>(m_count) ||
        m_scale > k_most_scale) {
      throw BadValue{"a numeric of a wrong length"};
    }
  }

  [[nodiscard]] std::uint16_t sign() const { return m_sign; }

  /// Bytes that write() takes at most.
  [[nodiscard]] std::size_t room() const {
    return static_cast<std::size_t>(std::max(m_weight + 1, 1)) * k_digit_characters + m_scale +
           k_digit_characters + 2;
  }

  char* write(char* at) const {
    if (m_sign == k_negative) {
      *at++ = '-';
    }
    if (m_weight < 0) {
      *at++ = '0';
    } else {
      at = write_unsigned(at, digit(0));
      for (int i = 1; i <= m_weight; ++i) {
        at = write_four(at, digit(i));
      }
    }
    if (m_scale == 0) {
      return at;
    }
    *at++ = '.';
    char* const end = at + m_scale;  // the last digit may be cut
    for (int i = m_weight + 1; at < end; ++i) {
      at = write_four(at, digit(i));
    }
    return end;
  }

 private:
  /// Zeros at either end are not stored.
  [[nodiscard]] unsigned digit(int i) const {
    if (i < 0 || i >= m_count) {
      return 0;
    }
    const unsigned value = big_endian<std::uint16_t>(m_digits + std::ptrdiff_t{2} * i);
    if (value >= k_base) {
      throw BadValue{"a numeric with a digit of 10000 or more"};
    }
    return value;
  }

  const char* m_digits;
  int m_count = 0;
  int m_weight = 0;
  std::uint16_t m_sign = 0;
  unsigned m_scale = 0;
};

}  // namespace

char* format_numeric(ByteBuffer& buffer, char* at, const char* data, std::size_t size) {
  const Numeric numeric(data, size);
  at = buffer.room(at, numeric.room() + k_small_value);
  switch (numeric.sign()) {
  case 0:
  case k_negative:
    return numeric.write(at);
  case k_nan:
    return write(at, "NaN");
  case k_infinity:
    return write(at, "Infinity");
  case k_minus_infinity:
    return write(at, "-Infinity");
  default:
    throw BadValue{"a numeric of an unknown sign"};
  }
}

}  // namespace pgstride::format
