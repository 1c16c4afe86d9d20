// Bytes that are written through a pointer with room ahead of it, for the hot paths: no zeroing, a
// check per field rather than per byte. Belongs to one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace pgstride::format {

class ByteBuffer {
 public:
  /// Where the next byte goes; what is written there counts once end_at() was called.
  [[nodiscard]] char* end() const { return m_end; }

  /// Room for `bytes` bytes behind `at`, which lies in this buffer; gives `at` or where it moved.
  char* room(char* at, std::size_t bytes) {
    return static_cast<std::size_t>(m_limit - at) >= bytes ? at : grow(at, bytes);
  }

  void end_at(char* end) { m_end = end; }

  [[nodiscard]] std::string_view view() const { return {m_bytes.get(), size()}; }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(m_end - m_bytes.get()); }

  /// Empties it; the memory of a huge row is given back.
  void clear();

 private:
  char* grow(char* at, std::size_t bytes);

  std::unique_ptr<char[]> m_bytes;  ///< not zeroed
  char* m_end = nullptr;
  char* m_limit = nullptr;
};

}  // namespace pgstride::format
