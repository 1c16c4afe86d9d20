#include "format/server_lines.hpp"

#include <algorithm>
#include <limits>

namespace pgstride::format {

namespace {

constexpr auto k_never = std::numeric_limits<std::int64_t>::max() / 2;

// The server is a few megabytes behind what it was sent; these rows take as much memory.
constexpr std::size_t k_most_rows = 1 << 17;

}  // namespace

ServerLines::ServerLines(const RowDialect& dialect, std::int64_t lines_before, bool rewritten)
    : m_csv(dialect.format == Format::csv), m_rewritten(rewritten), m_quotes(dialect, {}, k_never),
      m_lines_before(lines_before) {
  m_row.file_line = lines_before + 1;
}

void ServerLines::write(std::string_view bytes) {
  while (!bytes.empty() && !m_returns_alone) {
    const auto at = bytes.find('\n');
    pass(bytes.substr(0, at));
    if (at == std::string_view::npos) {
      return;
    }
    if (m_quotes.in_value()) {
      ++m_row.file_lines;
      pass("\n");
    } else {
      end_row();
    }
    bytes.remove_prefix(at + 1);
  }
}

void ServerLines::pass(std::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  m_last = bytes.back();
  m_returns += std::count(bytes.begin(), bytes.end(), '\r');
  if (m_row.number == 0) {
    pass_first_row(bytes);
  } else {
    m_quotes.write(bytes, [](const RowCut& /*never*/) {});
  }
}

// A carriage return outside of quotes that no line feed follows ends a row by itself.
void ServerLines::pass_first_row(std::string_view bytes) {
  while (!bytes.empty()) {
    m_returns_alone = m_returns_alone || m_behind_return;
    const auto at = bytes.find('\r');
    const auto part = bytes.substr(0, at);
    m_quotes.write(part, [](const RowCut& /*never*/) {});
    m_behind_return = at != std::string_view::npos && !m_quotes.in_value();
    if (at != std::string_view::npos) {
      m_quotes.write("\r", [](const RowCut& /*never*/) {});
      bytes.remove_prefix(1);
    }
    bytes.remove_prefix(part.size());
  }
}

void ServerLines::end_row() {
  const bool first = m_row.number == 0;
  const auto within = m_returns - (m_last == '\r' ? 1 : 0);
  m_returns_before = first ? m_last == '\r' : m_returns_before;
  if (m_csv && !m_rewritten) {
    m_row.server_lines = first || m_returns_before ? within + 1 : m_row.file_lines;
  }
  if (m_row.server_lines > 1 || m_row.file_lines > 1) {
    m_several_lines.push_back(m_row);
    if (m_several_lines.size() > k_most_rows) {
      m_several_lines.pop_front();
    }
  }
  m_row = {m_row.number + 1, m_row.server_line + m_row.server_lines,
           m_row.file_line + m_row.file_lines};
  m_returns = 0;
  m_last = '\n';
}

std::int64_t ServerLines::line_of(std::int64_t server_line) const {
  const auto behind =
      std::upper_bound(m_several_lines.begin(), m_several_lines.end(), server_line,
                       [](std::int64_t line, const Row& row) { return line < row.server_line; });
  if (m_returns_alone) {
    return m_lines_before + server_line;
  }
  if (server_line >= m_row.server_line) {
    return m_row.file_line;
  }
  if (behind == m_several_lines.begin()) {
    return m_lines_before + server_line;
  }
  const auto& row = *std::prev(behind);
  const auto past = server_line - row.server_line - row.server_lines;
  return past < 0 ? row.file_line : row.file_line + row.file_lines + past;
}

std::int64_t ServerLines::line_of_row(std::int64_t number) const {
  const auto behind =
      std::upper_bound(m_several_lines.begin(), m_several_lines.end(), number,
                       [](std::int64_t other, const Row& row) { return other < row.number; });
  if (behind == m_several_lines.begin()) {
    return m_lines_before + 1 + number;
  }
  const auto& row = *std::prev(behind);
  return row.number == number ? row.file_line
                              : row.file_line + row.file_lines + number - row.number - 1;
}

}  // namespace pgstride::format
