#include <fmt/core.h>

#include <algorithm>

#include "format/readers.hpp"

namespace pgstride::format {

namespace {

/// COPY's text format: backslash escapes; the null string is compared before they are undone.
class TextParser : public LineParser {
 public:
  explicit TextParser(const RowFormat& format) : m_format(format) {}

  void parse(std::string_view line, RowFields& row) override {
    row.begin(line.size());
    if (line.find('\r') != std::string_view::npos) {
      throw_bad_file("a carriage return that is not escaped");
    }
    if (m_format.columns == 0 && line.empty()) {
      return;
    }
    while (true) {
      const auto length = field_length(line);
      add_field(line.substr(0, length), row);
      if (length == line.size()) {
        break;
      }
      line.remove_prefix(length + 1);
    }
    check_field_count(row.fields().size(), m_format.columns);
  }

 private:
  /// Up to a delimiter that no backslash escapes: one with an even number of them before it.
  [[nodiscard]] std::size_t field_length(std::string_view line) const {
    auto at = line.find(m_format.delimiter);
    while (at != std::string_view::npos && is_escaped(line, at)) {
      at = line.find(m_format.delimiter, at + 1);
    }
    return std::min(at, line.size());
  }

  static bool is_escaped(std::string_view line, std::size_t at) {
    bool escaped = false;
    while (at > 0 && line[at - 1] == '\\') {
      escaped = !escaped;
      --at;
    }
    return escaped;
  }

  void add_field(std::string_view raw, RowFields& row) const {
    if (raw == m_format.null) {
      row.add({});
      return;
    }
    auto backslash = raw.find('\\');
    if (backslash == std::string_view::npos) {
      row.add(raw);
      return;
    }
    for (; backslash != std::string_view::npos; backslash = raw.find('\\')) {
      row.append(raw.substr(0, backslash));
      if (backslash + 1 == raw.size()) {
        throw_bad_file("a backslash at the row's end");
      }
      row.append(unescaped(raw[backslash + 1]));
      raw.remove_prefix(backslash + 2);
    }
    row.append(raw);
    row.add_built();
  }

  [[nodiscard]] char unescaped(char letter) const {
    constexpr std::string_view k_controls = "\b\f\n\r\t\v";
    constexpr std::string_view k_letters = "bfnrtv";
    if (letter == '\\' || letter == m_format.delimiter) {
      return letter;
    }
    const auto found = k_letters.find(letter);
    if (found == std::string_view::npos) {
      throw_bad_file(fmt::format("\"\\{}\" is no escape that COPY writes", letter));
    }
    return k_controls[found];
  }

  RowFormat m_format;
};

}  // namespace

std::unique_ptr<LineParser> make_text_parser(const RowFormat& format) {
  return std::make_unique<TextParser>(format);
}

}  // namespace pgstride::format
