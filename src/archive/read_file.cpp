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
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
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

void read_file(const std::filesystem::path& path, CompressionMethod method, const ByteSink& raw,
               const ByteSink& sink) {
  const UniqueFd fd = open_to_read(path);
  const auto decompressor = make_decompressor(method, path, or_nothing(sink));
  const ByteSink give_raw = or_nothing(raw);
  std::vector<char> buffer(k_read_bytes);
  while (true) {
    const auto bytes = read_some(fd.get(), buffer, path);
    if (bytes.empty()) {
      break;
    }
    give_raw(bytes);
    decompressor->write(bytes);
  }
  decompressor->finish();
}

}  // namespace pgstride::archive
