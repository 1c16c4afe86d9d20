// Which row of a csv or text file the server means when it names a line of a COPY. It counts in its
// own way: of the line ends within quotes it takes those of one kind only, and until it knows which
// that is, at the first row's end, carriage returns (CopyReadLineText of copyfromparse.c). Holds
// what it needs of rows of several lines. Belongs to one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

#include "format/row_cutter.hpp"

namespace pgstride::format {

class ServerLines {
 public:
  /// `lines_before`: line ends of the file before the first byte. `rewritten`: the server gets the
  /// rows as lines of COPY's text, one each.
  ServerLines(const RowDialect& dialect, std::int64_t lines_before, bool rewritten = false);

  /// The next bytes of the file, which begin with a row.
  void write(std::string_view bytes);

  /// The number that the server gives to the row that comes next, or has begun.
  [[nodiscard]] std::int64_t next() const { return m_row.server_line; }
  /// Carriage returns alone end the rows, as the first shows: RowCutter finds none.
  [[nodiscard]] bool returns_alone() const { return m_returns_alone; }
  /// Line of the file, from 1, where the row begins that the server gives this number, from 1; or
  /// the row that came as the n-th, from 0. Exact for the last rows: those before some 100,000 of
  /// several lines are forgotten.
  [[nodiscard]] std::int64_t line_of(std::int64_t server_line) const;
  [[nodiscard]] std::int64_t line_of_row(std::int64_t row) const;

 private:
  /// A row, and how many lines it takes.
  struct Row {
    std::int64_t number = 0;
    std::int64_t server_line = 1;
    std::int64_t file_line = 1;
    std::int64_t server_lines = 1;
    std::int64_t file_lines = 1;
  };

  void pass(std::string_view bytes);
  void pass_first_row(std::string_view bytes);
  void end_row();

  bool m_csv;
  bool m_rewritten;
  bool m_returns_alone = false;   ///< end the rows: the server counts as the file does
  bool m_returns_before = false;  ///< rows end with \r\n, as the first does
  bool m_behind_return = false;   ///< in the first row, outside of quotes
  RowCutter m_quotes;             ///< knows what is within a value
  std::int64_t m_lines_before;
  Row m_row;                        ///< that has begun
  std::int64_t m_returns = 0;       ///< in it
  char m_last = '\n';               ///< of it
  std::deque<Row> m_several_lines;  ///< rows of more than one
};

}  // namespace pgstride::format
