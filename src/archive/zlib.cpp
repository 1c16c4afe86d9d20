// gzip by zlib, for the levels that ISA-L does not have.
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "archive/codec.hpp"

namespace pgstride::archive {

namespace {

class ZlibCompressor : public Compressor {
 public:
  ZlibCompressor(int level, ByteSink sink) : m_sink(std::move(sink)), m_out(k_codec_buffer) {
    constexpr int k_gzip_32k_window = 15 + 16;
    constexpr int k_memory_level = 8;  // zlib's default
    if (deflateInit2(&m_stream, level, Z_DEFLATED, k_gzip_32k_window, k_memory_level,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      throw_compression_failed("gzip", "zlib could not start");
    }
  }
  ZlibCompressor(const ZlibCompressor&) = delete;
  ZlibCompressor& operator=(const ZlibCompressor&) = delete;
  ~ZlibCompressor() override { deflateEnd(&m_stream); }

  void write(std::string_view bytes) override {
    constexpr std::size_t k_most = 1U << 30;  // avail_in has 32 bits
    while (!bytes.empty()) {
      run(bytes.substr(0, k_most), Z_NO_FLUSH);
      bytes.remove_prefix(std::min(bytes.size(), k_most));
    }
  }

  void finish() override { run({}, Z_FINISH); }

 private:
  void run(std::string_view bytes, int flush) {
    m_stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // only read
    m_stream.avail_in = static_cast<uInt>(bytes.size());
    do {
      m_stream.next_out = reinterpret_cast<Bytef*>(m_out.data());
      m_stream.avail_out = static_cast<uInt>(m_out.size());
      if (deflate(&m_stream, flush) == Z_STREAM_ERROR) {
        throw_compression_failed("gzip", "zlib's state is inconsistent");
      }
      if (m_stream.avail_out < m_out.size()) {
        m_sink({m_out.data(), m_out.size() - m_stream.avail_out});
      }
    } while (m_stream.avail_out == 0);
  }

  ByteSink m_sink;
  z_stream m_stream = {};
  std::vector<char> m_out;
};

}  // namespace

std::unique_ptr<Compressor> make_zlib_compressor(int level, ByteSink sink) {
  return std::make_unique<ZlibCompressor>(level, std::move(sink));
}

}  // namespace pgstride::archive
