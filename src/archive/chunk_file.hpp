// A chunk's file while it is written: compressor → checksum → durable file. Commit is explicit; a
// destructor abandons. Belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "archive/compressor.hpp"
#include "base/checksum.hpp"
#include "base/durable_file.hpp"

namespace pgstride::archive {

class ChunkFile {
 public:
  ChunkFile(const std::filesystem::path& path, const Compression& compression);
  /// Appends raw bytes; gathered to 256 kB before they are compressed (speed.md, Reading).
  void write(std::string_view bytes);
  /// Ends the stream: nothing more can be written, and the file's facts are known.
  void finish();
  /// Makes the finished file durable under its name. Throws Error (io).
  void commit() { m_file.commit(); }
  [[nodiscard]] std::int64_t raw_bytes() const { return m_raw_bytes; }
  [[nodiscard]] std::int64_t bytes() const { return m_file.size(); }
  [[nodiscard]] std::string xxh3() const { return m_checksum.text(); }  ///< after finish()

 private:
  void flush();
  DurableFile m_file;
  Checksum m_checksum;
  std::unique_ptr<Compressor> m_compressor;
  std::string m_buffer;
  std::int64_t m_raw_bytes = 0;
};

}  // namespace pgstride::archive
