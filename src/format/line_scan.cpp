#include "format/line_scan.hpp"

#include <array>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace pgstride::format {

namespace {

constexpr std::size_t k_block_bytes = 64;

/// A bit for each of 64 bytes that equals `wanted`.
#ifdef __SSE2__
std::uint64_t equal_bytes(const char* block, char wanted) {
  const __m128i pattern = _mm_set1_epi8(wanted);
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    __m128i part;
    std::memcpy(&part, block + 16 * i, sizeof part);
    const auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(part, pattern)));
    bits |= std::uint64_t{mask} << (16 * i);
  }
  return bits;
}
#else
std::uint64_t equal_bytes(const char* block, char wanted) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < k_block_bytes; ++i) {
    bits |= std::uint64_t{block[i] == wanted} << i;
  }
  return bits;
}
#endif

/// Bit i of the result is the parity of bits 0 to i.
std::uint64_t running_parity(std::uint64_t bits) {
  for (unsigned shift = 1; shift < 64; shift *= 2) {
    bits ^= bits << shift;
  }
  return bits;
}

}  // namespace

std::uint64_t LineScan::line_ends(std::string_view bytes) {
  const char* block = bytes.data();
  std::array<char, k_block_bytes> last = {};
  if (bytes.size() < k_block) {
    std::memcpy(last.data(), bytes.data(), bytes.size());
    block = last.data();
  }
  const std::uint64_t ends = equal_bytes(block, '\n');
  if (!m_quotes) {
    return ends;
  }
  const std::uint64_t inside = running_parity(equal_bytes(block, '"')) ^ m_in_quotes;
  m_in_quotes = (inside >> 63U) != 0 ? ~std::uint64_t{0} : 0;
  return ends & ~inside;
}

std::int64_t LineScan::count(std::string_view bytes) {
  std::int64_t lines = 0;
  for (std::size_t at = 0; at < bytes.size(); at += k_block) {
    lines += std::popcount(line_ends(bytes.substr(at)));
  }
  return lines;
}

}  // namespace pgstride::format
