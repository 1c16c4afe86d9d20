#include "job/copy_sql.hpp"

#include <fmt/format.h>

#include "archive/compressor.hpp"
#include "archive/names.hpp"
#include "pg/quote.hpp"
#include "pgstride/error.hpp"

namespace pgstride::job {

namespace {

// Signature, flags, header extension length, trailer: PostgreSQL documentation, COPY, Binary
// Format.
constexpr std::string_view k_empty_binary{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\377\377", 21};

}  // namespace

std::string copy_options(const OutputOptions& output) {
  std::string options = "FORMAT " + archive::format_name(output.format);
  if (output.delimiter) {
    options += ", DELIMITER " + pg::quote_literal(std::string_view(&*output.delimiter, 1));
  }
  if (output.null) {
    options += ", NULL " + pg::quote_literal(*output.null);
  }
  return options;
}

format::RowFormat row_format(const OutputOptions& output, std::size_t columns) {
  format::RowFormat format;
  format.format = output.format;
  format.header = output.header;
  const bool csv = output.format == Format::csv;
  format.delimiter = output.delimiter.value_or(csv ? ',' : '\t');
  format.null = output.null.value_or(csv ? "" : "\\N");
  format.columns = static_cast<int>(columns);
  return format;
}

std::string header_bytes(const OutputOptions& output, const std::vector<Column>& columns) {
  if (!output.header) {
    return "";
  }
  std::vector<std::string> names;
  names.reserve(columns.size());
  for (const auto& column : columns) {
    names.push_back(column.name);
  }
  return format::header_line(row_format(output, columns.size()), names);
}

std::string empty_file_bytes(const OutputOptions& output, const std::vector<Column>& columns) {
  if (output.format == Format::binary) {
    return std::string(k_empty_binary);
  }
  return header_bytes(output, columns);
}

void check_output(const OutputOptions& output) {
  if (output.format == Format::binary && (output.header || output.delimiter || output.null)) {
    throw Error(ErrorKind::usage, "--header, --delimiter and --null don't go with --format binary",
                "leave them out, or choose csv or text");
  }
  const auto format = row_format(output, 1);
  const char delimiter = format.delimiter;
  if (delimiter == '\n' || delimiter == '\r' || delimiter == '"' || delimiter == '\\' ||
      delimiter == '\0' ||
      (output.format == Format::text &&
       std::string_view("\\.abcdefghijklmnopqrstuvwxyz0123456789").find(delimiter) !=
           std::string_view::npos)) {
    throw Error(ErrorKind::usage, fmt::format("--delimiter can't be \"{}\"", delimiter),
                "take a comma, tab, semicolon or bar");
  }
  if (format.null.find_first_of("\r\n") != std::string::npos ||
      format.null.find(delimiter) != std::string::npos ||
      (output.format == Format::csv && format.null.find('"') != std::string::npos)) {
    throw Error(ErrorKind::usage,
                fmt::format("--null can't be \"{}\": it holds the delimiter, a quote or a line end",
                            format.null),
                "take the default or \\N");
  }
  const auto range = archive::levels(output.compression.method);
  if (output.compression.level < range.least || output.compression.level > range.most) {
    throw Error(ErrorKind::usage,
                fmt::format("--compress {} has no level {}",
                            archive::method_name(output.compression.method),
                            output.compression.level),
                fmt::format("its levels are {} to {}", range.least, range.most));
  }
}

}  // namespace pgstride::job
