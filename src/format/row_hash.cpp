#include "format/row_hash.hpp"

#include <fmt/core.h>
#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <iterator>

namespace pgstride::format {

namespace {

static_assert(std::endian::native == std::endian::little);

/// Bob Jenkins' lookup3 as PostgreSQL has it (src/common/hashfn.c); the rotations are the
/// algorithm's.
struct State {
  std::uint32_t a;
  std::uint32_t b;
  std::uint32_t c;

  void add(const char* twelve_bytes) {
    std::array<std::uint32_t, 3> words = {};
    std::memcpy(words.data(), twelve_bytes, sizeof words);
    a += words[0];
    b += words[1];
    c += words[2];
  }

  void mix() {
    step(a, c, b, 4);
    step(b, a, c, 6);
    step(c, b, a, 8);
    step(a, c, b, 16);
    step(b, a, c, 19);
    step(c, b, a, 4);
  }

  void finish() {
    const auto last = [](std::uint32_t& to, std::uint32_t from, int bits) {
      to ^= from;
      to -= std::rotl(from, bits);
    };
    last(c, b, 14);
    last(a, c, 11);
    last(b, a, 25);
    last(c, b, 16);
    last(a, c, 4);
    last(b, a, 14);
    last(c, b, 24);
  }

 private:
  static void step(std::uint32_t& to, std::uint32_t& from, std::uint32_t other, int bits) {
    to -= from;
    to ^= std::rotl(from, bits);
    from += other;
  }
};

constexpr std::size_t k_block = 12;

/// A row's bytes are kept for the next one, but not those of a huge row.
constexpr std::size_t k_keep_bytes = 1 << 20;

void append_field(std::string& out, const Field& field, bool hex) {
  if (!field) {
    out += 'N';
    return;
  }
  fmt::format_to(std::back_inserter(out), "{}:", hex ? field->size() * 2 : field->size());
  if (!hex) {
    out.append(*field);
    return;
  }
  constexpr std::string_view k_digits = "0123456789abcdef";
  for (const char c : *field) {
    const auto byte = static_cast<unsigned char>(c);
    out += k_digits[byte >> 4U];
    out += k_digits[byte & 15U];
  }
}

}  // namespace

std::uint64_t pg_hash_bytes(std::string_view bytes, std::uint64_t seed) {
  const auto start = 0x9e3779b9U + static_cast<std::uint32_t>(bytes.size()) + 3923095U;
  State state = {start, start, start};
  if (seed != 0) {
    state.a += static_cast<std::uint32_t>(seed >> 32U);
    state.b += static_cast<std::uint32_t>(seed);
    state.mix();
  }
  for (; bytes.size() >= k_block; bytes.remove_prefix(k_block)) {
    state.add(bytes.data());
    state.mix();
  }
  // The lowest byte of c stands for the length: what is left of the third word begins above it.
  std::array<char, k_block> rest = {};
  if (const std::size_t first = std::min<std::size_t>(bytes.size(), 8); first > 0) {
    std::memcpy(rest.data(), bytes.data(), first);
    std::memcpy(rest.data() + 9, bytes.data() + first, bytes.size() - first);
  }
  state.add(rest.data());
  state.finish();
  return (std::uint64_t{state.b} << 32U) | state.c;
}

void RowHash::add(std::span<const Field> row) {
  m_row.clear();
  for (const auto& field : row) {
    append_field(m_row, field, m_binary);
  }
  m_sum += static_cast<std::int64_t>(pg_hash_bytes(m_row, 0));
  ++m_rows;
  if (m_row.capacity() > k_keep_bytes) {
    std::string().swap(m_row);
  }
}

std::string RowHash::sum() const {
  return fmt::format("{}", m_sum);
}

}  // namespace pgstride::format
