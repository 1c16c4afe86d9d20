// Streams of bytes, compressed and back. Each object belongs to one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "pgstride/options.hpp"

namespace pgstride::archive {

using ByteSink = std::function<void(std::string_view)>;

class Compressor {
 public:
  virtual ~Compressor() = default;
  /// Takes bytes and gives compressed ones to the sink, some now, some later.
  virtual void write(std::string_view bytes) = 0;
  /// Ends the stream; the last bytes go to the sink. Without it the stream is broken.
  virtual void finish() = 0;
};

/// gzip goes through ISA-L at levels 0–3 and zlib above (speed.md, Files); memory does not grow
/// with the stream. Throws Error (usage) for a level that the method does not have.
std::unique_ptr<Compressor> make_compressor(const Compression& compression, ByteSink sink);

/// `""`, `.gz`, `.zst`, `.lz4`.
std::string file_suffix(CompressionMethod method);
std::string method_name(CompressionMethod method);
/// Throws Error (usage) for an unknown name.
CompressionMethod method_by_name(std::string_view name);
/// Levels a method has, as {least, most, default}.
struct LevelRange {
  int least = 0;
  int most = 0;
  int standard = 0;
};
LevelRange levels(CompressionMethod method);

/// Stands for this process's standard input where a file is to be read.
inline constexpr const char* k_standard_input = "-";

/// Reads a file block by block through its decompressor, from byte `from` of the file on. Gives
/// plain bytes to `sink` and the file's own to `raw`.
class FileStream {
 public:
  FileStream(const std::filesystem::path& path, CompressionMethod method, std::int64_t from,
             ByteSink raw, ByteSink sink);
  FileStream(const FileStream&) = delete;
  FileStream& operator=(const FileStream&) = delete;
  ~FileStream();
  /// Reads a block; false at the file's end. Throws Error (io) as read_file().
  bool step();

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

/// Reads a whole file through its decompressor, giving plain bytes to `sink` and the file's own
/// bytes to `raw`. Throws Error (io) for a file that is damaged or cut short (also at the stream's
/// end).
void read_file(const std::filesystem::path& path, CompressionMethod method, const ByteSink& raw,
               const ByteSink& sink);

}  // namespace pgstride::archive
