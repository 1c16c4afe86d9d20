// The compression methods, each in a file of its own; make_compressor() and make_decompressor()
// choose among them. Each object belongs to one thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "archive/compressor.hpp"

namespace pgstride::archive {

class Decompressor {
 public:
  virtual ~Decompressor() = default;
  /// Takes the file's next bytes and gives plain ones to the sink. Throws Error (io) if they are
  /// damaged.
  virtual void write(std::string_view bytes) = 0;
  /// The file's end. Throws Error (io) if the stream goes on.
  virtual void finish() = 0;
};

/// `path` is for messages only.
std::unique_ptr<Decompressor> make_decompressor(CompressionMethod method,
                                                const std::filesystem::path& path, ByteSink sink);

std::unique_ptr<Compressor> make_isal_compressor(int level, ByteSink sink);
std::unique_ptr<Compressor> make_zlib_compressor(int level, ByteSink sink);
std::unique_ptr<Compressor> make_zstd_compressor(int level, ByteSink sink);
std::unique_ptr<Compressor> make_lz4_compressor(int level, ByteSink sink);

std::unique_ptr<Decompressor> make_gzip_decompressor(const std::filesystem::path& path,
                                                     ByteSink sink);
std::unique_ptr<Decompressor> make_zstd_decompressor(const std::filesystem::path& path,
                                                     ByteSink sink);
std::unique_ptr<Decompressor> make_lz4_decompressor(const std::filesystem::path& path,
                                                    ByteSink sink);

/// Bytes that one call of a compression library gives at most.
inline constexpr std::size_t k_codec_buffer = 256 << 10;

/// Errors (io) of a file that is read.
[[noreturn]] void throw_damaged(const std::filesystem::path& path, std::string_view reason);
[[noreturn]] void throw_cut_short(const std::filesystem::path& path);
/// An Error (internal): a compression library refused what it never should.
[[noreturn]] void throw_compression_failed(std::string_view method, std::string_view reason);

}  // namespace pgstride::archive
