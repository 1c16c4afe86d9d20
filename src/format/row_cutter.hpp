// Finds places between the rows of csv and text files: where a large file may be cut, and where its
// header ends. Holds nothing. Belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pgstride/options.hpp"

namespace pgstride::format {

/// What tells where a row of a file ends, as COPY FROM reads it.
struct RowDialect {
  Format format = Format::csv;  ///< csv or text
  char delimiter = ',';
  char quote = '"';
  char escape = '"';
};

/// A place behind a row.
struct RowCut {
  std::int64_t offset = 0;  ///< in bytes of the file
  std::int64_t lines = 0;   ///< line ends before it, those within quotes too
};

class RowCutter {
 public:
  using Found = std::function<void(const RowCut&)>;

  /// Looks for the first end of a row that is `piece_bytes` or more behind the beginning, then so
  /// far behind that, and so on. Line ends are `\n` and `\r\n`; a file of lone `\r` is never cut.
  RowCutter(const RowDialect& dialect, RowCut begin, std::int64_t piece_bytes);

  /// The next bytes of the file.
  void write(std::string_view bytes, const Found& found);

  /// Where it is: behind what was written.
  [[nodiscard]] const RowCut& at() const { return m_at; }
  /// At the file's end: a quote was not closed, so that it can't be read as csv at all.
  [[nodiscard]] bool in_quotes() const { return m_in_quotes; }
  /// The next byte belongs to a value, whatever it is.
  [[nodiscard]] bool in_value() const { return m_in_quotes || m_escaped; }

 private:
  void skip(std::string_view bytes);
  bool ends_row(char byte);
  void follow(char byte);

  RowDialect m_dialect;
  std::int64_t m_piece_bytes;
  RowCut m_at;
  std::int64_t m_look_from;  ///< offset of the first byte that may end a piece
  bool m_in_quotes = false;
  bool m_escaped = false;  ///< the byte before was an escape that holds for the next
};

/// The column names of a header, with or without its line end.
std::vector<std::string> header_names(const RowDialect& dialect, std::string_view line);

}  // namespace pgstride::format
