#include "format/hex.hpp"

#include <array>
#include <cstring>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace pgstride::format {

namespace {

constexpr auto k_hex_pairs = [] {
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::array<char, 512> pairs{};
  for (std::size_t i = 0; i < 256; ++i) {
    pairs[2 * i] = k_digits[i / 16];
    pairs[2 * i + 1] = k_digits[i % 16];
  }
  return pairs;
}();

#ifdef __SSE2__
/// A digit for each byte below 16: '0' + it, and as much more beyond 9 as from ':' to 'a'.
__m128i digits(__m128i nibbles) {
  const __m128i letters = _mm_cmpgt_epi8(nibbles, _mm_set1_epi8(9));
  return _mm_add_epi8(_mm_add_epi8(nibbles, _mm_set1_epi8('0')),
                      _mm_and_si128(letters, _mm_set1_epi8('a' - '0' - 10)));
}
#endif

}  // namespace

char* write_hex_portable(char* at, const char* data, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    std::memcpy(at, &k_hex_pairs[std::size_t{2} * static_cast<unsigned char>(data[i])], 2);
    at += 2;
  }
  return at;
}

char* write_hex(char* at, const char* data, std::size_t size) {
#ifdef __SSE2__
  const __m128i low_bits = _mm_set1_epi8(15);
  for (; size >= 16; size -= 16, data += 16, at += 32) {
    __m128i bytes;
    std::memcpy(&bytes, data, sizeof bytes);
    const __m128i high = digits(_mm_and_si128(_mm_srli_epi16(bytes, 4), low_bits));
    const __m128i low = digits(_mm_and_si128(bytes, low_bits));
    const __m128i first = _mm_unpacklo_epi8(high, low);
    const __m128i second = _mm_unpackhi_epi8(high, low);
    std::memcpy(at, &first, sizeof first);
    std::memcpy(at + 16, &second, sizeof second);
  }
#endif
  return write_hex_portable(at, data, size);
}

}  // namespace pgstride::format
