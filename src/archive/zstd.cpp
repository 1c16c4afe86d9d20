// Zstandard frames with a content checksum.
#include <zstd.h>

#include <new>
#include <utility>
#include <vector>

#include "archive/codec.hpp"

namespace pgstride::archive {

namespace {

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

template <typename Context> std::unique_ptr<Context, FreeContext> owned(Context* context) {
  if (context == nullptr) {
    throw std::bad_alloc();
  }
  return std::unique_ptr<Context, FreeContext>(context);
}

class ZstdCompressor : public Compressor {
 public:
  ZstdCompressor(int level, ByteSink sink)
      : m_sink(std::move(sink)), m_context(owned(ZSTD_createCCtx())), m_out(ZSTD_CStreamOutSize()) {
    check(ZSTD_CCtx_setParameter(m_context.get(), ZSTD_c_compressionLevel, level));
    check(ZSTD_CCtx_setParameter(m_context.get(), ZSTD_c_checksumFlag, 1));
  }

  void write(std::string_view bytes) override {
    ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
    while (in.pos < in.size) {
      run(in, ZSTD_e_continue);
    }
  }

  void finish() override {
    ZSTD_inBuffer in = {nullptr, 0, 0};
    while (run(in, ZSTD_e_end) != 0) {
    }
  }

 private:
  static std::size_t check(std::size_t result) {
    if (ZSTD_isError(result) != 0U) {
      throw_compression_failed("zstd", ZSTD_getErrorName(result));
    }
    return result;
  }

  std::size_t run(ZSTD_inBuffer& in, ZSTD_EndDirective directive) {
    ZSTD_outBuffer out = {m_out.data(), m_out.size(), 0};
    const auto left = check(ZSTD_compressStream2(m_context.get(), &out, &in, directive));
    if (out.pos > 0) {
      m_sink({m_out.data(), out.pos});
    }
    return left;
  }

  ByteSink m_sink;
  std::unique_ptr<ZSTD_CCtx, FreeContext> m_context;
  std::vector<char> m_out;
};

class ZstdDecompressor : public Decompressor {
 public:
  ZstdDecompressor(std::filesystem::path path, ByteSink sink)
      : m_path(std::move(path)), m_sink(std::move(sink)), m_context(owned(ZSTD_createDCtx())),
        m_out(ZSTD_DStreamOutSize()) {}

  void write(std::string_view bytes) override {
    ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
    bool out_full = false;
    while (in.pos < in.size || out_full) {
      ZSTD_outBuffer out = {m_out.data(), m_out.size(), 0};
      m_wanted = ZSTD_decompressStream(m_context.get(), &out, &in);
      if (ZSTD_isError(m_wanted) != 0U) {
        throw_damaged(m_path, ZSTD_getErrorName(m_wanted));
      }
      if (out.pos > 0) {
        m_sink({m_out.data(), out.pos});
      }
      // A full buffer may have more behind it, but not behind a frame's end: a call without input
      // would begin the next frame.
      out_full = out.pos == out.size && m_wanted != 0;
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
  std::unique_ptr<ZSTD_DCtx, FreeContext> m_context;
  std::vector<char> m_out;
  std::size_t m_wanted = 1;  // 0 behind a frame's end; a file without any frame is cut short
};

}  // namespace

std::unique_ptr<Compressor> make_zstd_compressor(int level, ByteSink sink) {
  return std::make_unique<ZstdCompressor>(level, std::move(sink));
}

std::unique_ptr<Decompressor> make_zstd_decompressor(const std::filesystem::path& path,
                                                     ByteSink sink) {
  return std::make_unique<ZstdDecompressor>(path, std::move(sink));
}

}  // namespace pgstride::archive
