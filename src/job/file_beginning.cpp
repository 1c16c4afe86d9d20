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

[[noreturn]] void refuse_header(const std::string& what) {
  throw Error(ErrorKind::usage, what,
              "without a header leave --header out; --columns names the columns then");
}

// Without an end of a row: the file must end there.
void check_whole(std::string_view header, bool ended, const format::RowCutter& cutter) {
  if (!ended && cutter.in_quotes()) {
    refuse_header("a quote in the header is not closed");
  }
  if (!ended && header.size() >= k_longest_header) {
    refuse_header("the first line is longer than 1 MB, so it is no header");
  }
}

// The place behind the first carriage return that ends a row by itself, of the beginning of a file.
std::optional<std::size_t> lone_return(std::string_view text, const format::RowDialect& dialect) {
  format::RowCutter cutter(dialect, {}, 0);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool last = i + 1 == text.size();
    if (text[i] == '\r' && !cutter.in_value() && (last || text[i + 1] != '\n')) {
      return i + 1;
    }
    cutter.write(text.substr(i, 1), [](const format::RowCut& /*cut*/) {});
  }
  return std::nullopt;
}

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
  if (lone_return(header, dialect)) {
    refuse_header("the lines of standard input end with a carriage return alone");
  }
  check_whole(header, ended, cutter);
  return header;
}

// True if a file begins with a byte order mark.
bool has_mark(const fs::path& path, CompressionMethod method) {
  std::string text;
  archive::FileStream stream(path, method, 0, {}, [&](std::string_view bytes) {
    text += bytes.substr(0, k_byte_order_mark.size());
  });
  while (text.size() < k_byte_order_mark.size() && stream.step()) {
  }
  return text.starts_with(k_byte_order_mark);
}

// The first row of a file as plain text.
std::string read_header(const fs::path& path, CompressionMethod method,
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
  text.resize(static_cast<std::size_t>(end.value_or(static_cast<std::int64_t>(text.size()))));
  if (const auto at = lone_return(text, dialect)) {
    if (end) {
      refuse_header("the first line holds a carriage return that does not end it");
    }
    text.resize(*at);
    return text;
  }
  check_whole(text, end.has_value(), cutter);
  return text;
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
  if (!has_header) {
    const bool marked = has_mark(path, compression);
    beginning.rows.offset = marked ? static_cast<std::int64_t>(k_byte_order_mark.size()) : 0;
    return beginning;
  }
  if (standard && compression != CompressionMethod::none) {
    throw Error(ErrorKind::usage,
                "the header of a compressed standard input can't be read before it is loaded",
                "decompress it first: zstd -dc FILE | pgstride import --from - …");
  }
  const auto text =
      standard ? read_standard_header(dialect, stop) : read_header(path, compression, dialect);
  const auto mark = text.starts_with(k_byte_order_mark) ? k_byte_order_mark.size() : std::size_t{0};
  if (text.size() > mark) {
    beginning.header = format::header_names(dialect, std::string_view(text).substr(mark));
  }
  // Of standard input the header is gone once it is read.
  beginning.rows = {standard ? 0 : static_cast<std::int64_t>(text.size()),
                    std::count(text.begin(), text.end(), text.ends_with('\r') ? '\r' : '\n')};
  return beginning;
}

}  // namespace pgstride::job
