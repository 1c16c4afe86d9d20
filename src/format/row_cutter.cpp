#include "format/row_cutter.hpp"

#include <algorithm>

namespace pgstride::format {

RowCutter::RowCutter(const RowDialect& dialect, RowCut begin, std::int64_t piece_bytes)
    : m_dialect(dialect), m_piece_bytes(piece_bytes), m_at(begin),
      m_look_from(begin.offset + piece_bytes - 1) {}

void RowCutter::write(std::string_view bytes, const Found& found) {
  while (!bytes.empty()) {
    if (m_at.offset < m_look_from) {
      const auto part = bytes.substr(0, static_cast<std::size_t>(m_look_from - m_at.offset));
      skip(part);
      bytes.remove_prefix(part.size());
      continue;
    }
    const char byte = bytes.front();
    bytes.remove_prefix(1);
    const bool ends = ends_row(byte);
    ++m_at.offset;
    m_at.lines += byte == '\n' ? 1 : 0;
    if (ends) {
      m_look_from = m_at.offset + m_piece_bytes - 1;
      found(m_at);
    }
  }
}

// Where no cut is wanted, only what carries over is kept.
void RowCutter::skip(std::string_view bytes) {
  const bool csv = m_dialect.format == Format::csv;
  if (csv && m_dialect.quote == m_dialect.escape) {
    // A doubled quote leaves and enters: counting them is enough.
    const auto quotes = std::count(bytes.begin(), bytes.end(), m_dialect.quote);
    m_in_quotes = m_in_quotes != (quotes % 2 != 0);
  } else if (csv) {
    std::for_each(bytes.begin(), bytes.end(), [this](char byte) { follow(byte); });
  } else {
    const auto other = bytes.find_last_not_of('\\');
    const auto slashes = bytes.size() - (other == std::string_view::npos ? 0 : other + 1);
    const bool before = other == std::string_view::npos && m_escaped;
    m_escaped = before != (slashes % 2 != 0);
  }
  m_at.offset += static_cast<std::int64_t>(bytes.size());
  m_at.lines += std::count(bytes.begin(), bytes.end(), '\n');
}

bool RowCutter::ends_row(char byte) {
  if (m_dialect.format == Format::csv) {
    follow(byte);
    return byte == '\n' && !m_in_quotes;
  }
  // Behind a backslash it is data, unless that one is escaped itself.
  const bool ends = byte == '\n' && !m_escaped;
  m_escaped = byte == '\\' && !m_escaped;
  return ends;
}

// As CopyReadLineText of PostgreSQL's copyfromparse.c.
void RowCutter::follow(char byte) {
  const bool own_escape = m_dialect.escape != m_dialect.quote;
  if (own_escape && m_in_quotes && byte == m_dialect.escape) {
    m_escaped = !m_escaped;
  }
  if (byte == m_dialect.quote && !m_escaped) {
    m_in_quotes = !m_in_quotes;
  }
  if (!own_escape || byte != m_dialect.escape) {
    m_escaped = false;
  }
}

std::vector<std::string> header_names(const RowDialect& dialect, std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
    line.remove_suffix(1);
  }
  const bool csv = dialect.format == Format::csv;
  std::vector<std::string> names(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char byte = line[i];
    const char next = i + 1 < line.size() ? line[i + 1] : '\0';
    const bool escapes =
        csv ? quoted && byte == dialect.escape && (next == dialect.quote || next == dialect.escape)
            : byte == '\\';
    if (escapes && i + 1 < line.size()) {
      names.back() += line[++i];
    } else if (csv && byte == dialect.quote) {
      quoted = !quoted;
    } else if (byte == dialect.delimiter && !quoted) {
      names.emplace_back();
    } else {
      names.back() += byte;
    }
  }
  return names;
}

}  // namespace pgstride::format
