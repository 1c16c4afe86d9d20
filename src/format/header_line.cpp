// Column names as COPY … HEADER writes them: CopyAttributeOutCSV and CopyAttributeOutText of
// PostgreSQL's src/backend/commands/copyto.c.
#include "format/row_reader.hpp"

namespace pgstride::format {

namespace {

bool needs_quotes(const RowFormat& format, const std::string& name, bool only_column) {
  return name == format.null || (only_column && name == "\\.") ||
         name.find_first_of(std::string("\"\n\r") + format.delimiter) != std::string::npos;
}

std::string csv_name(const RowFormat& format, const std::string& name, bool only_column) {
  if (!needs_quotes(format, name, only_column)) {
    return name;
  }
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') {
      out += '"';
    }
    out += c;
  }
  return out + '"';
}

std::string text_name(const RowFormat& format, const std::string& name) {
  constexpr std::string_view k_controls = "\b\f\n\r\t\v";
  constexpr std::string_view k_letters = "bfnrtv";
  std::string out;
  for (const char c : name) {
    const auto control = k_controls.find(c);
    if (control != std::string_view::npos) {
      out += {'\\', k_letters[control]};
    } else if (c == '\\' || c == format.delimiter) {
      out += {'\\', c};
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string header_line(const RowFormat& format, const std::vector<std::string>& columns) {
  if (format.format == Format::binary) {
    return "";
  }
  std::string line;
  for (const auto& name : columns) {
    if (&name != &columns.front()) {
      line += format.delimiter;
    }
    line += format.format == Format::csv ? csv_name(format, name, columns.size() == 1)
                                         : text_name(format, name);
  }
  return line + '\n';
}

}  // namespace pgstride::format
