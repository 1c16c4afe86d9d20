// Makes the csv or text that COPY … TO would have made out of COPY's binary form, byte for byte, so
// that the server need not (speed.md, Under the floor). Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "format/array_formatter.hpp"
#include "format/byte_buffer.hpp"
#include "format/field_writer.hpp"
#include "format/row_reader.hpp"
#include "format/value_formatter.hpp"

namespace pgstride::format {

/// What a table's rows are made into; csv or text.
struct RowEncoding {
  RowFormat format;
  std::vector<ColumnKind> columns;
};

class RowEncoder {
 public:
  explicit RowEncoder(const RowEncoding& encoding)
      : RowEncoder(encoding, format::field_writer(encoding.format.format)) {}
  /// With another writer of fields than the fastest one.
  RowEncoder(const RowEncoding& encoding, FieldWriter field_writer);

  /// Appends the rows of a CopyData message, which holds any number of whole ones: with the first
  /// comes COPY's binary header, with the last its trailer. Throws Error (server) for what COPY
  /// could not have sent; then `out` has the rows before it.
  void append(std::string_view message, ByteBuffer& out);

  /// The end of the data: throws Error (server) unless the trailer has come.
  void finish() const;

  [[nodiscard]] std::int64_t rows() const { return m_rows; }

 private:
  /// How a column's values get into the file.
  enum class Way {
    small,    ///< straight from the formatter, in little room
    large,    ///< straight from the formatter
    text,     ///< the bytes are the value, quoted or escaped
    jsonb,    ///< the same behind a version byte
    escaped,  ///< straight from the formatter behind a `\`: bytea in text
    array,    ///< printed, then quoted or escaped
    printed   ///< the same for all else that may have special bytes
  };
  struct Column {
    Way way = Way::text;
    ValueFormatter value;
    char end = '\n';  ///< what follows the field
    std::size_t array = 0;
  };

  void add_column(const RowFormat& format, ColumnKind kind, bool last);
  [[nodiscard]] bool never_special(const RowFormat& format, const ValueFormatter& value) const;
  const char* skip_header(const char* at, const char* end);
  const char* append_row(const char* at, const char* end, ByteBuffer& out);
  char* write_value(Column& column, ByteBuffer& out, char* to, const char* data, std::size_t size);
  char* write_printed(Column& column, ByteBuffer& out, char* to, const char* data,
                      std::size_t size);

  FieldStyle m_style;
  FieldWriter m_field_writer;
  std::vector<Column> m_columns;
  std::vector<ArrayFormatter> m_arrays;
  ByteBuffer m_scratch;
  std::size_t m_little_room;  ///< for a small value or NULL, and what follows it
  std::int64_t m_rows = 0;
  bool m_begun = false;
  bool m_ended = false;
};

}  // namespace pgstride::format
