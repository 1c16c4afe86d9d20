// LZ4 frames with a content checksum.
#include <lz4frame.h>

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "archive/codec.hpp"

namespace pgstride::archive {

namespace {

struct FreeContext {
  void operator()(LZ4F_cctx* context) const { LZ4F_freeCompressionContext(context); }
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};

class Lz4Compressor : public Compressor {
 public:
  Lz4Compressor(int level, ByteSink sink) : m_sink(std::move(sink)) {
    LZ4F_cctx* context = nullptr;
    check(LZ4F_createCompressionContext(&context, LZ4F_VERSION));
    m_context.reset(context);
    m_preferences.frameInfo.blockSizeID = LZ4F_max256KB;
    m_preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    m_preferences.compressionLevel = level;
    m_out.resize(std::max<std::size_t>(LZ4F_compressBound(k_codec_buffer, &m_preferences),
                                       LZ4F_HEADER_SIZE_MAX));
  }

  void write(std::string_view bytes) override {
    begin();
    while (!bytes.empty()) {
      const auto piece = bytes.substr(0, k_codec_buffer);
      give(LZ4F_compressUpdate(m_context.get(), m_out.data(), m_out.size(), piece.data(),
                               piece.size(), nullptr));
      bytes.remove_prefix(piece.size());
    }
  }

  void finish() override {
    begin();
    give(LZ4F_compressEnd(m_context.get(), m_out.data(), m_out.size(), nullptr));
  }

 private:
  static std::size_t check(std::size_t result) {
    if (LZ4F_isError(result) != 0U) {
      throw_compression_failed("lz4", LZ4F_getErrorName(result));
    }
    return result;
  }

  void begin() {
    if (!m_begun) {
      m_begun = true;
      give(LZ4F_compressBegin(m_context.get(), m_out.data(), m_out.size(), &m_preferences));
    }
  }

  void give(std::size_t result) {
    if (check(result) > 0) {
      m_sink({m_out.data(), result});
    }
  }

  ByteSink m_sink;
  std::unique_ptr<LZ4F_cctx, FreeContext> m_context;
  LZ4F_preferences_t m_preferences = {};
  std::vector<char> m_out;
  bool m_begun = false;
};

class Lz4Decompressor : public Decompressor {
 public:
  Lz4Decompressor(std::filesystem::path path, ByteSink sink)
      : m_path(std::move(path)), m_sink(std::move(sink)), m_out(k_codec_buffer) {
    LZ4F_dctx* context = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0U) {
      throw std::bad_alloc();
    }
    m_context.reset(context);
  }

  void write(std::string_view bytes) override {
    bool out_full = false;
    while (!bytes.empty() || out_full) {
      std::size_t produced = m_out.size();
      std::size_t consumed = bytes.size();
      m_wanted = LZ4F_decompress(m_context.get(), m_out.data(), &produced, bytes.data(), &consumed,
                                 nullptr);
      if (LZ4F_isError(m_wanted) != 0U) {
        throw_damaged(m_path, LZ4F_getErrorName(m_wanted));
      }
      bytes.remove_prefix(consumed);
      if (produced > 0) {
        m_sink({m_out.data(), produced});
      }
      out_full = produced == m_out.size() && m_wanted != 0;
    }
  }

  void finish() override {
    if (m_wanted != 0) {
      throw_cut_short(m_path);
    }
  }

 private:
  std::filesystem::path m_path;
  ByteSink m_sink;
  std::unique_ptr<LZ4F_dctx, FreeContext> m_context;
  std::vector<char> m_out;
  std::size_t m_wanted = 1;  // 0 behind a frame's end; a file without any frame is cut short
};

}  // namespace

std::unique_ptr<Compressor> make_lz4_compressor(int level, ByteSink sink) {
  return std::make_unique<Lz4Compressor>(level, std::move(sink));
}

std::unique_ptr<Decompressor> make_lz4_decompressor(const std::filesystem::path& path,
                                                    ByteSink sink) {
  return std::make_unique<Lz4Decompressor>(path, std::move(sink));
}

}  // namespace pgstride::archive
