// Sixteen bytes at a time: with SSE2, which every x86-64 has, and portably. Wider instructions were
// not worth it: the server takes many times longer for the same bytes. Pure; any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace pgstride::format {

/// Bit i of a mask is about byte i.
class PortableBlock {
 public:
  static constexpr std::size_t k_size = 16;

  static PortableBlock load(const char* from) { return {word(from), word(from + 8)}; }
  static PortableBlock of(std::uint64_t low, std::uint64_t high) { return {low, high}; }
  void store(char* to) const {
    put(to, m_low);
    put(to + 8, m_high);
  }
  [[nodiscard]] std::uint32_t equal(char byte) const {
    const auto pattern = k_ones * static_cast<unsigned char>(byte);
    return mask(zeros(m_low ^ pattern), zeros(m_high ^ pattern));
  }
  /// Bytes in [least, least + 7], least below 120.
  [[nodiscard]] std::uint32_t in_eight(char least) const {
    return mask(eights(m_low, least), eights(m_high, least));
  }

 private:
  static constexpr std::uint64_t k_ones = 0x0101010101010101;
  static constexpr std::uint64_t k_tops = 0x8080808080808080;

  PortableBlock(std::uint64_t low, std::uint64_t high) : m_low(low), m_high(high) {}

  static std::uint64_t ordered(std::uint64_t value) {
    return std::endian::native == std::endian::little ? value : __builtin_bswap64(value);
  }
  static std::uint64_t word(const char* from) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, sizeof value);
    return ordered(value);
  }
  static void put(char* to, std::uint64_t value) {
    value = ordered(value);
    std::memcpy(to, &value, sizeof value);
  }
  /// The top bit of each byte that is zero; exact, no byte touches another.
  static std::uint64_t zeros(std::uint64_t value) {
    return ~(((value & ~k_tops) + ~k_tops) | value) & k_tops;
  }
  static std::uint64_t eights(std::uint64_t value, char least) {
    const auto low = static_cast<std::uint64_t>(static_cast<unsigned char>(least));
    const std::uint64_t sevens = value & ~k_tops;
    const std::uint64_t at_least = sevens + k_ones * (128 - low);
    const std::uint64_t above = sevens + k_ones * (120 - low);
    return at_least & ~above & ~value & k_tops;
  }
  static std::uint32_t mask(std::uint64_t low, std::uint64_t high) {
    constexpr std::uint64_t k_gather = 0x0102040810204080;  // a bit of each byte to the top
    return static_cast<std::uint32_t>(((low >> 7U) * k_gather) >> 56U) |
           static_cast<std::uint32_t>(((high >> 7U) * k_gather) >> 56U) << 8U;
  }

  std::uint64_t m_low;
  std::uint64_t m_high;
};

#ifdef __SSE2__
class Sse2Block {
 public:
  static constexpr std::size_t k_size = 16;

  static Sse2Block load(const char* from) {
    __m128i bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    return Sse2Block(bytes);
  }
  static Sse2Block of(std::uint64_t low, std::uint64_t high) {
    return Sse2Block(
        _mm_set_epi64x(static_cast<std::int64_t>(high), static_cast<std::int64_t>(low)));
  }
  void store(char* to) const { std::memcpy(to, &m_bytes, sizeof m_bytes); }
  [[nodiscard]] std::uint32_t equal(char byte) const {
    return mask(_mm_cmpeq_epi8(m_bytes, _mm_set1_epi8(byte)));
  }
  [[nodiscard]] std::uint32_t in_eight(char least) const {
    const __m128i from_least = _mm_sub_epi8(m_bytes, _mm_set1_epi8(least));
    return mask(_mm_cmpeq_epi8(_mm_min_epu8(from_least, _mm_set1_epi8(7)), from_least));
  }

 private:
  explicit Sse2Block(__m128i bytes) : m_bytes(bytes) {}
  static std::uint32_t mask(__m128i bytes) {
    return static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
  }

  __m128i m_bytes;
};
using FastBlock = Sse2Block;
#else
using FastBlock = PortableBlock;
#endif

/// A block that holds each of the 1 to 16 bytes, some more than once and in any order: enough to
/// look for a byte without reading past the end.
template <typename Block> Block load_few(const char* from, std::size_t size) {
  const auto part = [from](std::size_t at, auto value) {
    std::memcpy(&value, from + at, sizeof value);
    return std::uint64_t{value};
  };
  if (size >= 8) {
    return Block::of(part(0, std::uint64_t{}), part(size - 8, std::uint64_t{}));
  }
  if (size >= 4) {
    const auto both = part(0, std::uint32_t{}) | part(size - 4, std::uint32_t{}) << 32U;
    return Block::of(both, both);
  }
  const auto first = part(0, std::uint8_t{}) * 0x0101010101010101;
  const auto rest = part(size / 2, std::uint8_t{}) | part(size - 1, std::uint8_t{}) << 8U;
  return Block::of(first, (first & ~std::uint64_t{0xffff}) | rest);
}

/// The same bytes in their order.
inline void copy_few(char* to, const char* from, std::size_t size) {
  if (size >= 8) {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::memcpy(&low, from, 8);
    std::memcpy(&high, from + size - 8, 8);
    std::memcpy(to, &low, 8);
    std::memcpy(to + size - 8, &high, 8);
  } else if (size >= 4) {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    std::memcpy(&low, from, 4);
    std::memcpy(&high, from + size - 4, 4);
    std::memcpy(to, &low, 4);
    std::memcpy(to + size - 4, &high, 4);
  } else {
    for (std::size_t i = 0; i < size; ++i) {
      to[i] = from[i];
    }
  }
}

}  // namespace pgstride::format
