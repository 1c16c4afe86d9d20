// Looks whether a line `\.` ends the rows of anybody's csv or text file early while COPY FROM reads
// them. Holds nothing. Belongs to one thread.
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

 private:
  enum class Place { rows, backslash, marker, behind_marker };

  void follow(std::string_view bytes);
  std::string_view pass_rows(std::string_view bytes);
  void pass_marker(char byte);

  RowDialect m_dialect;
  RowCutter m_rows;  ///< knows whether it is in quotes
  Place m_place = Place::rows;
  char m_last = '\n';
};

}  // namespace pgstride::format
