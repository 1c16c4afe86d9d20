#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "archive/codec.hpp"
#include "archive/compressor.hpp"
#include "base/durable_file.hpp"
#include "pgstride/error.hpp"

namespace pgstride::archive {

namespace {

/// Sizes from 64 kB to 4 MB were alike (speed.md, Reading).
constexpr std::size_t k_read_bytes = 256 << 10;

UniqueFd open_to_read(const std::filesystem::path& path) {
  UniqueFd fd(path == k_standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                       : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    throw io_error("open", path, errno);
  }
  static_cast<void>(::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL));
  return fd;
}

/// The next bytes; empty at the end.
std::string_view read_some(int fd, std::vector<char>& buffer, const std::filesystem::path& path) {
  while (true) {
    const ssize_t length = ::read(fd, buffer.data(), buffer.size());
    if (length >= 0) {
      return {buffer.data(), static_cast<std::size_t>(length)};
    }
    if (errno != EINTR) {
      throw io_error("read", path, errno);
    }
  }
}

ByteSink or_nothing(const ByteSink& sink) {
  return sink ? sink : ByteSink([](std::string_view) {});
}

}  // namespace

struct FileStream::State {
  std::filesystem::path path;
  UniqueFd fd;
  ByteSink raw;
  std::unique_ptr<Decompressor> decompressor;
  std::vector<char> buffer = std::vector<char>(k_read_bytes);
};

FileStream::FileStream(const std::filesystem::path& path, CompressionMethod method,
                       std::int64_t from, ByteSink raw, ByteSink sink)
    : m_state(std::make_unique<State>(State{path, open_to_read(path), or_nothing(raw),
                                            make_decompressor(method, path, or_nothing(sink))})) {
  if (from > 0 && ::lseek(m_state->fd.get(), from, SEEK_SET) < 0) {
    throw io_error("seek in", path, errno);
  }
}

FileStream::~FileStream() = default;

bool FileStream::step() {
  const auto bytes = read_some(m_state->fd.get(), m_state->buffer, m_state->path);
  if (bytes.empty()) {
    m_state->decompressor->finish();
    return false;
  }
  m_state->raw(bytes);
  m_state->decompressor->write(bytes);
  return true;
}

void read_file(const std::filesystem::path& path, CompressionMethod method, const ByteSink& raw,
               const ByteSink& sink) {
  FileStream stream(path, method, 0, raw, sink);
  while (stream.step()) {
  }
}

}  // namespace pgstride::archive
