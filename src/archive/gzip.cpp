// gzip by ISA-L, which at its levels takes a third of zlib's CPU time (speed.md, Files). Reading is
// ISA-L's too.
#include <fmt/core.h>
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "archive/codec.hpp"

namespace pgstride::archive {

namespace {

/// ISA-L takes pointers to mutable bytes and only reads them.
std::uint8_t* input_bytes(std::string_view bytes) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
}

std::string_view output_view(const std::vector<std::uint8_t>& buffer, std::size_t left) {
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size() - left};
}

class IsalCompressor : public Compressor {
 public:
  IsalCompressor(int level, ByteSink sink) : m_sink(std::move(sink)), m_out(k_codec_buffer) {
    constexpr std::array<std::uint32_t, 4> k_level_buffer = {
        ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT};
    isal_deflate_init(m_stream.get());
    m_level_buffer.resize(k_level_buffer.at(static_cast<std::size_t>(level)));
    m_stream->level = static_cast<std::uint32_t>(level);
    m_stream->level_buf = m_level_buffer.data();
    m_stream->level_buf_size = static_cast<std::uint32_t>(m_level_buffer.size());
    m_stream->gzip_flag = IGZIP_GZIP;
  }

  void write(std::string_view bytes) override {
    constexpr std::size_t k_most = 1U << 30;  // avail_in has 32 bits
    while (!bytes.empty()) {
      run(bytes.substr(0, k_most));
      bytes.remove_prefix(std::min(bytes.size(), k_most));
    }
  }

  void finish() override {
    m_stream->end_of_stream = 1;
    run({});
  }

 private:
  void run(std::string_view bytes) {
    m_stream->next_in = input_bytes(bytes);
    m_stream->avail_in = static_cast<std::uint32_t>(bytes.size());
    do {
      m_stream->next_out = m_out.data();
      m_stream->avail_out = static_cast<std::uint32_t>(m_out.size());
      if (const int result = isal_deflate(m_stream.get()); result != COMP_OK) {
        throw_compression_failed("gzip", fmt::format("ISA-L returned {}", result));
      }
      if (m_stream->avail_out < m_out.size()) {
        m_sink(output_view(m_out, m_stream->avail_out));
      }
    } while (m_stream->avail_out == 0);
  }

  ByteSink m_sink;
  std::unique_ptr<isal_zstream> m_stream = std::make_unique<isal_zstream>();
  std::vector<std::uint8_t> m_level_buffer;
  std::vector<std::uint8_t> m_out;
};

class GzipDecompressor : public Decompressor {
 public:
  GzipDecompressor(std::filesystem::path path, ByteSink sink)
      : m_path(std::move(path)), m_sink(std::move(sink)), m_out(k_codec_buffer) {
    begin_member();
  }

  void write(std::string_view bytes) override {
    m_state->next_in = input_bytes(bytes);
    m_state->avail_in = static_cast<std::uint32_t>(bytes.size());
    while (true) {
      if (m_state->block_state == ISAL_BLOCK_FINISH) {
        if (m_state->avail_in == 0) {
          return;
        }
        begin_member();  // one file may hold several members, as `cat a.gz b.gz` makes them
      }
      m_state->next_out = m_out.data();
      m_state->avail_out = static_cast<std::uint32_t>(m_out.size());
      if (const int result = isal_inflate(m_state.get()); result < 0) {
        throw_damaged(m_path, reason(result));
      }
      if (m_state->avail_out < m_out.size()) {
        m_sink(output_view(m_out, m_state->avail_out));
      }
      if (m_state->block_state != ISAL_BLOCK_FINISH && m_state->avail_in == 0 &&
          m_state->avail_out > 0) {
        return;
      }
    }
  }

  void finish() override {
    if (m_state->block_state != ISAL_BLOCK_FINISH) {
      throw_cut_short(m_path);
    }
  }

 private:
  void begin_member() {
    auto* const next_in = m_state->next_in;
    const auto avail_in = m_state->avail_in;
    isal_inflate_init(m_state.get());
    m_state->crc_flag = ISAL_GZIP;
    m_state->next_in = next_in;
    m_state->avail_in = avail_in;
  }

  static const char* reason(int result) {
    switch (result) {
    case ISAL_INVALID_WRAPPER:
      return "no gzip header where one should be";
    case ISAL_UNSUPPORTED_METHOD:
      return "not compressed by deflate";
    case ISAL_INCORRECT_CHECKSUM:
      return "wrong gzip checksum";
    default:
      return "not a deflate stream";
    }
  }

  std::filesystem::path m_path;
  ByteSink m_sink;
  std::unique_ptr<inflate_state> m_state = std::make_unique<inflate_state>();
  std::vector<std::uint8_t> m_out;
};

}  // namespace

std::unique_ptr<Compressor> make_isal_compressor(int level, ByteSink sink) {
  return std::make_unique<IsalCompressor>(level, std::move(sink));
}

std::unique_ptr<Decompressor> make_gzip_decompressor(const std::filesystem::path& path,
                                                     ByteSink sink) {
  return std::make_unique<GzipDecompressor>(path, std::move(sink));
}

}  // namespace pgstride::archive
