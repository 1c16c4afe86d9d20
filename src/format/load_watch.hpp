// What must be known of the rows of anybody's csv or text file while COPY FROM reads them: whether
// a line `\.` ends them early, and how the server counts their lines. Holds nothing. Belongs to one
// thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "format/row_cutter.hpp"

namespace pgstride::format {

class LoadWatch {
 public:
  explicit LoadWatch(const RowDialect& dialect);

  /// The next bytes, which begin with a row. Throws Error (usage) where rows follow a line `\.`:
  /// servers before 18 would leave them out without a word (PostgreSQL documentation, COPY).
  void write(std::string_view bytes);
  /// The end of a piece that others of the same file follow, or not.
  void finish(bool others_follow) const;

  /// The line ends in the first row's quotes, which the server does not count: it learns at that
  /// row's end what a line end is (CopyReadLineText of copyfromparse.c).
  [[nodiscard]] std::int64_t uncounted_lines() const { return m_uncounted_lines; }

 private:
  enum class Place { rows, backslash, marker, behind_marker };

  void follow(std::string_view bytes);
  std::string_view pass_rows(std::string_view bytes);
  void pass_marker(char byte);
  void look_at_first_row(std::string_view bytes);

  RowDialect m_dialect;
  RowCutter m_rows;       ///< knows whether it is in quotes
  RowCutter m_first_row;  ///< finds its end
  bool m_in_first_row;
  std::int64_t m_uncounted_lines = 0;
  Place m_place = Place::rows;
  char m_last = '\n';
};

}  // namespace pgstride::format
