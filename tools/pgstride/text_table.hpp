// A table for people: columns as wide as their widest cell. A value.
#pragma once

#include <string>
#include <vector>

namespace pgstride::cli {

enum class Align { left, right };

class TextTable {
 public:
  struct Column {
    std::string title;
    Align align = Align::right;
  };

  explicit TextTable(std::vector<Column> columns);
  /// One cell a column; cells are printable texts (see human.hpp).
  void add(std::vector<std::string> row);
  /// A line of dashes.
  void rule();
  /// Lines, each with its end, none with blanks at the end. A left column is cut to `most` columns.
  [[nodiscard]] std::string text(int most = 60) const;

 private:
  std::vector<Column> m_columns;
  std::vector<std::vector<std::string>> m_rows;  ///< an empty one is a rule
};

}  // namespace pgstride::cli
