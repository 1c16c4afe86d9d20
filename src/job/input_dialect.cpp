#include "job/input_dialect.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include <fmt/format.h>

#include "pgstride/error.hpp"

namespace pgstride::job {

namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::usage, what, hint);
}

// As the server would, but before anything is made (CopyProcessOptions in PostgreSQL's copy.c).
void check_dialect(const format::RowDialect& dialect, const std::string& null) {
  const std::string_view forbidden =
      dialect.format == Format::csv ? "\n\r" : "\n\r\\.abcdefghijklmnopqrstuvwxyz0123456789";
  const bool csv = dialect.format == Format::csv;
  if (forbidden.find(dialect.delimiter) != std::string_view::npos) {
    refuse(fmt::format("--delimiter \"{}\" can't part values", dialect.delimiter),
           "choose a sign like , ; | or a tab");
  }
  if (csv && dialect.delimiter == dialect.quote) {
    refuse("--delimiter and --quote are the same", "choose two that differ");
  }
  if (null.find_first_of("\n\r") != std::string::npos ||
      null.find(dialect.delimiter) != std::string::npos ||
      (csv && null.find(dialect.quote) != std::string::npos)) {
    refuse("--null holds the delimiter, a quote or a line end", "choose another mark for NULL");
  }
}

void check_options(const InputOptions& input, Format format) {
  if (format == Format::binary &&
      (input.header || input.delimiter || input.null || !input.encoding.empty())) {
    refuse("--header, --delimiter, --null and --encoding don't go with --format binary",
           "leave them out");
  }
  const auto looks_like_letter = [](const std::optional<char>& byte) {
    return byte && *byte >= '0';
  };
  if (!is_server_encoding(input.encoding) &&
      (format == Format::text || looks_like_letter(input.delimiter) ||
       looks_like_letter(input.quote) || looks_like_letter(input.escape))) {
    refuse(fmt::format("in encoding {} parts of letters look like a backslash or another sign of "
                       "the format, so rows can't be told apart",
                       input.encoding),
           "convert the file first: iconv -t UTF-8; plain csv can be read as it is");
  }
  if (format != Format::csv && (input.quote || input.escape)) {
    refuse("--quote and --escape go with --format csv only", "leave them out");
  }
}

}  // namespace

bool is_server_encoding(const std::string& encoding) {
  if (encoding.empty()) {
    return true;
  }
  std::string name = encoding;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char byte) { return static_cast<char>(std::tolower(byte)); });
  for (const std::string_view known : {"utf8", "utf-8", "unicode", "latin", "sql_ascii", "euc_",
                                       "iso", "koi8", "win125", "win866", "win874"}) {
    if (name.starts_with(known)) {
      return true;
    }
  }
  return false;
}

format::RowDialect row_dialect(const InputOptions& input, Format format) {
  check_options(input, format);
  const bool csv = format == Format::csv;
  format::RowDialect dialect;
  dialect.format = format;
  dialect.delimiter = input.delimiter.value_or(csv ? ',' : '\t');
  dialect.quote = input.quote.value_or('"');
  dialect.escape = input.escape.value_or(dialect.quote);
  if (format != Format::binary) {
    check_dialect(dialect, input.null.value_or(csv ? "" : "\\N"));
  }
  return dialect;
}

}  // namespace pgstride::job
