// Network addresses: network_send and network_out of PostgreSQL's src/backend/utils/adt/network.c,
// pg_inet_net_ntop of its src/port/inet_net_ntop.c, and hardware addresses.
#include <array>
#include <charconv>
#include <cstdint>

#include "base/big_endian.hpp"
#include "format/digits.hpp"
#include "format/formatters.hpp"
#include "format/value_formatter.hpp"

namespace pgstride::format {

namespace {

struct Address {
  bool v6 = false;
  unsigned bits = 0;
  const char* bytes = nullptr;
};

Address read_address(const char* data, std::size_t size) {
  constexpr std::size_t k_head = 4;  // family, bits, is it a cidr, bytes of address
  constexpr char k_v4 = 2;
  constexpr char k_v6 = 3;
  if (size < k_head || (data[0] != k_v4 && data[0] != k_v6)) {
    throw BadValue{"a network address of an unknown family"};
  }
  const bool v6 = data[0] == k_v6;
  const unsigned bytes = v6 ? 16 : 4;
  const auto bits = static_cast<unsigned char>(data[1]);
  if (size != k_head + bytes || static_cast<unsigned char>(data[3]) != bytes || bits > 8 * bytes) {
    throw BadValue{"a network address of a wrong length"};
  }
  return {v6, bits, data + k_head};
}

char* write_v4(char* at, const char* bytes) {
  for (int i = 0; i < 4; ++i) {
    if (i > 0) {
      *at++ = '.';
    }
    at = write_unsigned(at, static_cast<unsigned char>(bytes[i]));
  }
  return at;
}

/// A run of zero words, which `::` stands for.
struct Run {
  int begin = 0;
  int length = 0;
};

Run longest_run(const std::array<std::uint16_t, 8>& words) {
  Run best;
  Run current;
  for (int i = 0; i < 8; ++i) {
    if (words[static_cast<std::size_t>(i)] != 0) {
      current = {i + 1, 0};
    } else if (++current.length > best.length) {
      best = current;
    }
  }
  return best.length < 2 ? Run{-1, 0} : best;
}

/// `::1.2.3.4` and `::ffff:1.2.3.4`.
bool ends_as_v4(const std::array<std::uint16_t, 8>& words, const Run& zeros) {
  return zeros.begin == 0 && (zeros.length == 6 || (zeros.length == 7 && words[7] != 1) ||
                              (zeros.length == 5 && words[5] == 0xffff));
}

char* write_v6(char* at, const char* bytes) {
  std::array<std::uint16_t, 8> words{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i] = big_endian<std::uint16_t>(bytes + 2 * i);
  }
  const auto zeros = longest_run(words);
  for (int i = 0; i < 8; ++i) {
    if (zeros.length > 0 && i >= zeros.begin && i < zeros.begin + zeros.length) {
      if (i == zeros.begin) {
        *at++ = ':';
      }
      continue;
    }
    if (i > 0) {
      *at++ = ':';
    }
    if (i == 6 && ends_as_v4(words, zeros)) {
      return write_v4(at, bytes + 12);
    }
    at = std::to_chars(at, at + 4, words[static_cast<std::size_t>(i)], 16).ptr;
  }
  if (zeros.begin + zeros.length == 8) {
    *at++ = ':';
  }
  return at;
}

char* write_address(char* at, const Address& address, bool always_bits) {
  at = address.v6 ? write_v6(at, address.bytes) : write_v4(at, address.bytes);
  if (always_bits || address.bits != (address.v6 ? 128U : 32U)) {
    *at++ = '/';
    at = write_unsigned(at, address.bits);
  }
  return at;
}

}  // namespace

char* format_inet(char* at, const char* data, std::size_t size) {
  return write_address(at, read_address(data, size), false);
}

char* format_cidr(char* at, const char* data, std::size_t size) {
  return write_address(at, read_address(data, size), true);
}

char* format_macaddr(char* at, const char* data, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    if (i > 0) {
      *at++ = ':';
    }
    at = write_hex_byte(at, static_cast<unsigned char>(data[i]));
  }
  return at;
}

}  // namespace pgstride::format
