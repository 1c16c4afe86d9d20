// Numbers in network order. Pure; any thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace pgstride {

/// A number of as many bytes as its type, wherever it lies.
template <typename Number> Number big_endian(const char* data) {
  std::make_unsigned_t<Number> value;
  std::memcpy(&value, data, sizeof value);
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof value == 2) {
      value = __builtin_bswap16(value);
    } else if constexpr (sizeof value == 4) {
      value = __builtin_bswap32(value);
    } else if constexpr (sizeof value == 8) {
      value = __builtin_bswap64(value);
    }
  }
  return static_cast<Number>(value);
}

}  // namespace pgstride
