#include "text_table.hpp"

#include <algorithm>

#include "human.hpp"

namespace pgstride::cli {

TextTable::TextTable(std::vector<Column> columns) : m_columns(std::move(columns)) {}

void TextTable::add(std::vector<std::string> row) {
  row.resize(m_columns.size());
  m_rows.push_back(std::move(row));
}

void TextTable::rule() {
  m_rows.emplace_back();
}

std::string TextTable::text(int most) const {
  std::vector<int> widths;
  for (std::size_t at = 0; at < m_columns.size(); ++at) {
    int width = display_width(m_columns[at].title);
    for (const auto& row : m_rows) {
      width = row.empty() ? width : std::max(width, display_width(row[at]));
    }
    const bool cut = m_columns[at].align == Align::left && at + 1 < m_columns.size();
    widths.push_back(cut ? std::min(width, most) : width);
  }
  std::string out;
  const auto line = [&](const auto& cell) {
    std::string joined;
    for (std::size_t at = 0; at < m_columns.size(); ++at) {
      const std::string text = fit(cell(at), widths[at]);
      const auto pad = static_cast<std::size_t>(widths[at] - display_width(text));
      joined += at == 0 ? "" : "  ";
      joined += m_columns[at].align == Align::left ? text + std::string(pad, ' ')
                                                   : std::string(pad, ' ') + text;
    }
    joined.erase(joined.find_last_not_of(' ') + 1);
    out += joined + "\n";
  };
  line([&](std::size_t at) { return m_columns[at].title; });
  for (const auto& row : m_rows) {
    line([&](std::size_t at) {
      return row.empty() ? std::string(static_cast<std::size_t>(widths[at]), '-') : row[at];
    });
  }
  return out;
}

}  // namespace pgstride::cli
