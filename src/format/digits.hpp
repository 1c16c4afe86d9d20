// Digits: decimal numbers in pairs, hexadecimal bytes. The callers see to the room. Pure; any
// thread.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pgstride::format {

/// "00" to "99".
inline constexpr auto k_pairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

inline char* write(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

/// Two digits of a number below 100.
inline char* write_pair(char* at, unsigned number) {
  std::memcpy(at, &k_pairs[std::size_t{2} * number], 2);
  return at + 2;
}

/// Four digits of a number below 10000.
inline char* write_four(char* at, unsigned number) {
  write_pair(at, number / 100);
  return write_pair(at + 2, number % 100);
}

/// How many digits a number has; 1 for 0.
inline unsigned count_digits(std::uint64_t number) {
  constexpr auto k_powers = [] {
    std::array<std::uint64_t, 20> powers{};  // [0] is 0: so that 0 has one digit
    std::uint64_t power = 1;
    for (std::size_t i = 1; i < powers.size(); ++i) {
      powers[i] = power *= 10;
    }
    return powers;
  }();
  // log10(2) is a little over 1233 / 4096: right or one too few, which the table tells.
  const auto bits = static_cast<unsigned>(std::bit_width(number | 1U));
  const unsigned guess = bits * 1233U / 4096U;
  return guess + (number >= k_powers[guess] ? 1U : 0U);
}

inline char* write_unsigned(char* at, std::uint64_t number) {
  char* const end = at + count_digits(number);
  char* to = end;
  while (number >= 100) {
    const auto rest = static_cast<unsigned>(number % 100);
    number /= 100;
    to -= 2;
    write_pair(to, rest);
  }
  if (number >= 10) {
    write_pair(at, static_cast<unsigned>(number));
  } else {
    *at = static_cast<char>('0' + number);
  }
  return end;
}

inline char* write_signed(char* at, std::int64_t number) {
  auto value = static_cast<std::uint64_t>(number);
  if (number < 0) {
    *at++ = '-';
    value = 0 - value;
  }
  return write_unsigned(at, value);
}

/// Two lower-case hexadecimal digits a byte.
inline char* write_hex_byte(char* at, unsigned char byte) {
  constexpr std::string_view k_hex = "0123456789abcdef";
  *at++ = k_hex[byte >> 4U];
  *at++ = k_hex[byte & 15U];
  return at;
}

}  // namespace pgstride::format
