#include "format/readers.hpp"

namespace pgstride::format {

namespace {

/// COPY's csv: quote and escape are `"`; the null string counts only without quotes.
class CsvParser : public LineParser {
 public:
  explicit CsvParser(const RowFormat& format) : m_format(format) {}

  void parse(std::string_view line, RowFields& row) override {
    row.begin(line.size());
    if (m_format.columns == 0 && line.empty()) {
      return;
    }
    while (true) {
      const auto length = line.starts_with('"') ? quoted(line, row) : unquoted(line, row);
      if (length == line.size()) {
        break;
      }
      line.remove_prefix(length + 1);
    }
    check_field_count(row.fields().size(), m_format.columns);
  }

 private:
  /// Adds the field that the line begins with; returns the length it takes in the line.
  std::size_t unquoted(std::string_view line, RowFields& row) const {
    const auto field = line.substr(0, line.find(m_format.delimiter));
    if (field.find('"') != std::string_view::npos || field.find('\r') != std::string_view::npos) {
      throw_bad_file("a quote or carriage return in a field without quotes");
    }
    row.add(field == m_format.null ? Field() : Field(field));
    return field.size();
  }

  std::size_t quoted(std::string_view line, RowFields& row) const {
    std::size_t at = 1;
    std::size_t close = closing_quote(line, at);
    const bool whole = close + 1 == line.size() || line[close + 1] != '"';
    if (whole) {
      row.add(line.substr(1, close - 1));
    } else {
      while (close + 1 < line.size() && line[close + 1] == '"') {
        row.append(line.substr(at, close + 1 - at));
        at = close + 2;
        close = closing_quote(line, at);
      }
      row.append(line.substr(at, close - at));
      row.add_built();
    }
    const auto length = close + 1;
    if (length < line.size() && line[length] != m_format.delimiter) {
      throw_bad_file("something between a closing quote and the delimiter");
    }
    return length;
  }

  static std::size_t closing_quote(std::string_view line, std::size_t from) {
    const auto found = line.find('"', from);
    if (found == std::string_view::npos) {
      throw_bad_file("a quote is not closed");
    }
    return found;
  }

  RowFormat m_format;
};

}  // namespace

std::unique_ptr<LineParser> make_csv_parser(const RowFormat& format) {
  return std::make_unique<CsvParser>(format);
}

}  // namespace pgstride::format
