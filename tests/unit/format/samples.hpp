// Rows, and the bytes COPY makes of them (PostgreSQL's src/backend/commands/copyto.c), for the
// tests of the readers. Pure.
#pragma once

#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "format/row_reader.hpp"
#include "pgstride/error.hpp"

namespace pgstride::format {

using Row = std::vector<std::optional<std::string>>;
using Rows = std::vector<Row>;

inline std::string as_csv(const RowFormat& format, const std::optional<std::string>& field,
                          bool only_column) {
  if (!field) {
    return format.null;
  }
  const bool quotes =
      *field == format.null || (only_column && *field == "\\.") ||
      field->find_first_of(std::string("\"\r\n") + format.delimiter) != std::string::npos;
  if (!quotes) {
    return *field;
  }
  std::string out = "\"";
  for (const char c : *field) {
    out += c == '"' ? std::string("\"\"") : std::string(1, c);
  }
  return out + "\"";
}

inline std::string as_text(const RowFormat& format, const std::optional<std::string>& field) {
  if (!field) {
    return format.null;
  }
  std::string out;
  for (const char c : *field) {
    const auto control = std::string_view("\b\f\n\r\t\v").find(c);
    if (control != std::string_view::npos) {
      out += {'\\', "bfnrtv"[control]};
    } else if (c == '\\' || c == format.delimiter) {
      out += {'\\', c};
    } else {
      out += c;
    }
  }
  return out;
}

inline std::string big_endian(std::uint32_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift);
  }
  return out;
}

inline std::string as_binary(const Rows& rows) {
  std::string out("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  for (const auto& row : rows) {
    out += big_endian(static_cast<std::uint32_t>(row.size()), 2);
    for (const auto& field : row) {
      out += big_endian(field ? static_cast<std::uint32_t>(field->size()) : 0xffffffffU, 4);
      out += field.value_or("");
    }
  }
  return out + "\377\377";
}

inline std::string copied(const RowFormat& format, const Rows& rows) {
  if (format.format == Format::binary) {
    return as_binary(rows);
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += i > 0 ? std::string(1, format.delimiter) : "";
      out += format.format == Format::csv ? as_csv(format, row[i], row.size() == 1)
                                          : as_text(format, row[i]);
    }
    out += '\n';
  }
  return out;
}

/// Reads bytes in pieces of random size up to `most`.
inline Rows read_rows(const RowFormat& format, std::string_view bytes, std::size_t most,
                      unsigned seed = 1) {
  Rows rows;
  const auto reader = make_row_reader(format, [&rows](std::span<const Field> fields) {
    Row& row = rows.emplace_back();
    for (const auto& field : fields) {
      row.push_back(field ? std::optional<std::string>(*field) : std::nullopt);
    }
  });
  std::minstd_rand random(seed);
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, random() % (most + 1));
    reader->write(piece);
    bytes.remove_prefix(piece.size());
  }
  reader->finish();
  return reader->rows() == static_cast<std::int64_t>(rows.size()) ? rows : Rows{{"wrong count"}};
}

inline std::int64_t count_rows(const RowFormat& format, std::string_view bytes, std::size_t most,
                               unsigned seed = 1) {
  const auto reader = make_row_reader(format, {});
  std::minstd_rand random(seed);
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, random() % (most + 1));
    reader->write(piece);
    bytes.remove_prefix(piece.size());
  }
  reader->finish();
  return reader->rows();
}

inline RowFormat csv_format(int columns, bool header = false, std::string null = "",
                            char delimiter = ',') {
  return {Format::csv, header, delimiter, std::move(null), columns};
}

inline RowFormat text_format(int columns, bool header = false, std::string null = "\\N",
                             char delimiter = '\t') {
  return {Format::text, header, delimiter, std::move(null), columns};
}

inline RowFormat binary_format(int columns) {
  RowFormat format;
  format.format = Format::binary;
  format.columns = columns;
  return format;
}

}  // namespace pgstride::format
