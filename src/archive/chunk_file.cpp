#include "archive/chunk_file.hpp"

namespace pgstride::archive {

namespace {

/// COPY sends a row at a time; compressors and the kernel like more (speed.md, Reading).
constexpr std::size_t k_gather_bytes = 256 << 10;

}  // namespace

ChunkFile::ChunkFile(const std::filesystem::path& path, const Compression& compression)
    : m_file(path), m_compressor(make_compressor(compression, [this](std::string_view bytes) {
        m_checksum.update(bytes);
        m_file.write(bytes);
      })) {
  m_buffer.reserve(k_gather_bytes);
}

void ChunkFile::write(std::string_view bytes) {
  m_raw_bytes += static_cast<std::int64_t>(bytes.size());
  if (m_buffer.size() + bytes.size() > k_gather_bytes) {
    flush();
  }
  if (bytes.size() >= k_gather_bytes) {
    m_compressor->write(bytes);
  } else {
    m_buffer.append(bytes);
  }
}

void ChunkFile::finish() {
  flush();
  m_compressor->finish();
}

void ChunkFile::flush() {
  if (!m_buffer.empty()) {
    m_compressor->write(m_buffer);
    m_buffer.clear();
  }
}

}  // namespace pgstride::archive
