#include "job/file_beginning.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

#include "archive/compressor.hpp"
#include "base/durable_file.hpp"
#include "pgstride/error.hpp"

namespace pgstride::job {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_byte_order_mark = "\xef\xbb\xbf";

// A header longer than this is none.
constexpr std::size_t k_longest_header = 1 << 20;

// For bytes or the end.
void await_standard_input(const StopTokens& stop) {
  constexpr int k_look_ms = 100;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (::poll(&input, 1, k_look_ms) <= 0) {
    if (stop.drain.stop_requested() || stop.cancel.stop_requested()) {
      throw Error(ErrorKind::stopped, "stopped while standard input was awaited");
    }
  }
}

// Byte by byte: what is behind the header stays for the one that loads it.
std::string read_standard_header(const format::RowDialect& dialect, const StopTokens& stop) {
  std::string header;
  format::RowCutter cutter(dialect, {}, 0);
  bool ended = false;
  char byte = 0;
  while (!ended && header.size() < k_longest_header) {
    await_standard_input(stop);
    const auto length = ::read(STDIN_FILENO, &byte, 1);
    if (length < 0 && errno == EINTR) {
      continue;
    }
    if (length < 0) {
      throw io_error("read", "standard input", errno);
    }
    if (length == 0) {
      break;
    }
    header += byte;
    cutter.write({&byte, 1}, [&](const format::RowCut& /*cut*/) { ended = true; });
  }
  return header;
}

// The first bytes of a file as plain text: a block, or more where its first row is longer.
std::string first_row_of(const fs::path& path, CompressionMethod method,
                         const format::RowDialect& dialect) {
  std::string text;
  std::optional<std::int64_t> end;
  format::RowCutter cutter(dialect, {}, 0);
  archive::FileStream stream(path, method, 0, {}, [&](std::string_view bytes) {
    if (!end && text.size() < k_longest_header) {
      text += bytes;
      cutter.write(bytes, [&](const format::RowCut& cut) { end = end.value_or(cut.offset); });
    }
  });
  while (!end && text.size() < k_longest_header && stream.step()) {
  }
  return text.substr(
      0, static_cast<std::size_t>(end.value_or(static_cast<std::int64_t>(text.size()))));
}

}  // namespace

FileBeginning read_beginning(const fs::path& path, CompressionMethod compression,
                             const format::RowDialect& dialect, bool has_header,
                             const StopTokens& stop) {
  FileBeginning beginning;
  const bool standard = path == archive::k_standard_input;
  if (standard && !has_header) {
    return beginning;
  }
  if (standard && compression != CompressionMethod::none) {
    throw Error(ErrorKind::usage,
                "the header of a compressed standard input can't be read before it is loaded",
                "decompress it first: zstd -dc FILE | pgstride import --from - …");
  }
  const auto text =
      standard ? read_standard_header(dialect, stop) : first_row_of(path, compression, dialect);
  const auto mark = text.starts_with(k_byte_order_mark) ? k_byte_order_mark.size() : std::size_t{0};
  if (!has_header) {
    beginning.rows.offset = static_cast<std::int64_t>(mark);
    return beginning;
  }
  beginning.header = format::header_names(dialect, std::string_view(text).substr(mark));
  // Of standard input the header is gone once it is read.
  beginning.rows = {standard ? 0 : static_cast<std::int64_t>(text.size()),
                    std::count(text.begin(), text.end(), '\n')};
  return beginning;
}

}  // namespace pgstride::job
