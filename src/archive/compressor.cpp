#include "archive/compressor.hpp"

#include <fmt/core.h>

#include <utility>

#include "archive/codec.hpp"
#include "pgstride/error.hpp"

namespace pgstride::archive {

namespace {

class PlainCompressor : public Compressor {
 public:
  explicit PlainCompressor(ByteSink sink) : m_sink(std::move(sink)) {}
  void write(std::string_view bytes) override {
    if (!bytes.empty()) {
      m_sink(bytes);
    }
  }
  void finish() override {}

 private:
  ByteSink m_sink;
};

class PlainDecompressor : public Decompressor {
 public:
  explicit PlainDecompressor(ByteSink sink) : m_sink(std::move(sink)) {}
  void write(std::string_view bytes) override { m_sink(bytes); }
  void finish() override {}

 private:
  ByteSink m_sink;
};

/// ISA-L's levels end here; zlib's finer ones go on.
constexpr int k_isal_most = 3;

}  // namespace

std::unique_ptr<Compressor> make_compressor(const Compression& compression, ByteSink sink) {
  const auto [method, level] = compression;
  const LevelRange range = levels(method);
  if (level < range.least || level > range.most) {
    if (method != CompressionMethod::none) {
      throw Error(ErrorKind::usage, fmt::format("{} has no level {}", method_name(method), level),
                  fmt::format("levels of {} go from {} to {}", method_name(method), range.least,
                              range.most));
    }
  }
  switch (method) {
  case CompressionMethod::gzip:
    return level <= k_isal_most ? make_isal_compressor(level, std::move(sink))
                                : make_zlib_compressor(level, std::move(sink));
  case CompressionMethod::zstd:
    return make_zstd_compressor(level, std::move(sink));
  case CompressionMethod::lz4:
    return make_lz4_compressor(level, std::move(sink));
  case CompressionMethod::none:
    break;
  }
  return std::make_unique<PlainCompressor>(std::move(sink));
}

std::unique_ptr<Decompressor> make_decompressor(CompressionMethod method,
                                                const std::filesystem::path& path, ByteSink sink) {
  switch (method) {
  case CompressionMethod::gzip:
    return make_gzip_decompressor(path, std::move(sink));
  case CompressionMethod::zstd:
    return make_zstd_decompressor(path, std::move(sink));
  case CompressionMethod::lz4:
    return make_lz4_decompressor(path, std::move(sink));
  case CompressionMethod::none:
    break;
  }
  return std::make_unique<PlainDecompressor>(std::move(sink));
}

std::string file_suffix(CompressionMethod method) {
  switch (method) {
  case CompressionMethod::gzip:
    return ".gz";
  case CompressionMethod::zstd:
    return ".zst";
  case CompressionMethod::lz4:
    return ".lz4";
  case CompressionMethod::none:
    break;
  }
  return "";
}

std::string method_name(CompressionMethod method) {
  switch (method) {
  case CompressionMethod::gzip:
    return "gzip";
  case CompressionMethod::zstd:
    return "zstd";
  case CompressionMethod::lz4:
    return "lz4";
  case CompressionMethod::none:
    break;
  }
  return "none";
}

CompressionMethod method_by_name(std::string_view name) {
  for (const auto method : {CompressionMethod::none, CompressionMethod::gzip,
                            CompressionMethod::zstd, CompressionMethod::lz4}) {
    if (name == method_name(method)) {
      return method;
    }
  }
  throw Error(ErrorKind::usage, fmt::format("unknown compression \"{}\"", name),
              "there are none, gzip, zstd and lz4");
}

LevelRange levels(CompressionMethod method) {
  switch (method) {
  case CompressionMethod::gzip:
    return {.least = 1, .most = 9, .standard = 1};
  case CompressionMethod::zstd:
    return {.least = -7, .most = 22, .standard = 1};
  case CompressionMethod::lz4:
    return {.least = 0, .most = 12, .standard = 0};
  case CompressionMethod::none:
    break;
  }
  return {};
}

void throw_damaged(const std::filesystem::path& path, std::string_view reason) {
  throw Error(ErrorKind::io, fmt::format("\"{}\" is damaged: {}", path.string(), reason),
              "the file was changed after it was written, or the storage lost data");
}

void throw_cut_short(const std::filesystem::path& path) {
  throw Error(ErrorKind::io, fmt::format("\"{}\" is cut short", path.string()),
              "the file was changed after it was written, or the storage lost data");
}

void throw_compression_failed(std::string_view method, std::string_view reason) {
  throw Error(ErrorKind::internal, fmt::format("{} failed to compress: {}", method, reason));
}

}  // namespace pgstride::archive
