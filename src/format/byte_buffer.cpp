#include "format/byte_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace pgstride::format {

namespace {

constexpr std::size_t k_least_bytes = 4096;
/// Twice what is gathered before it is written to a file, and room for an ordinary row.
constexpr std::ptrdiff_t k_most_kept_bytes = 1 << 20;

}  // namespace

char* ByteBuffer::grow(char* at, std::size_t bytes) {
  const auto used = static_cast<std::size_t>(at - m_bytes.get());
  const auto now = static_cast<std::size_t>(m_limit - m_bytes.get());
  const auto wanted = std::max({now + now / 2, used + bytes, k_least_bytes});
  std::unique_ptr<char[]> larger(new char[wanted]);
  if (used > 0) {
    std::memcpy(larger.get(), m_bytes.get(), used);
  }
  m_end = larger.get() + size();
  m_limit = larger.get() + wanted;
  m_bytes = std::move(larger);
  return m_bytes.get() + used;
}

void ByteBuffer::clear() {
  if (m_limit - m_bytes.get() > k_most_kept_bytes) {
    m_bytes.reset();
    m_limit = nullptr;
  }
  m_end = m_bytes.get();
}

}  // namespace pgstride::format
