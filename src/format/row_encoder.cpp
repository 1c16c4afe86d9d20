#include "format/row_encoder.hpp"

#include <algorithm>
#include <string>

#include <fmt/core.h>

#include "base/big_endian.hpp"
#include "format/digits.hpp"
#include "format/formatters.hpp"
#include "pgstride/error.hpp"

namespace pgstride::format {

namespace {

constexpr std::string_view k_signature("PGCOPY\n\377\r\n\0", 11);
constexpr std::size_t k_header = 11 + 4 + 4;  // signature, flags, length of the extension
/// See binary_reader.cpp.
constexpr std::uint32_t k_critical_flags = 0xffff0000U;

[[noreturn]] void throw_bad(const std::string& what) {
  throw Error(ErrorKind::server, "the server sent no proper binary COPY: " + what,
              "something between it and pgstride changes the data, or this is a bug: report it");
}

}  // namespace

RowEncoder::RowEncoder(const RowEncoding& encoding, FieldWriter field_writer)
    : m_style{encoding.format.delimiter, encoding.format.null, encoding.columns.size() == 1},
      m_field_writer(field_writer),
      m_little_room(std::max(k_small_value, m_style.null.size()) + 1) {
  const auto& columns = encoding.columns;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    add_column(encoding.format, columns[i], i + 1 == columns.size());
  }
}

bool RowEncoder::never_special(const RowFormat& format, const ValueFormatter& value) const {
  if (value.alphabet.empty() || value.alphabet.find(format.delimiter) != std::string_view::npos) {
    return false;
  }
  if (format.format == Format::text) {
    return value.alphabet.find('\\') == std::string_view::npos;
  }
  return format.null.empty() ||
         format.null.find_first_not_of(value.alphabet) != std::string_view::npos;
}

void RowEncoder::add_column(const RowFormat& format, ColumnKind kind, bool last) {
  Column column;
  column.value = value_formatter(kind.value);
  column.end = last ? '\n' : format.delimiter;
  if (kind.array) {
    column.way = Way::array;
    column.array = m_arrays.size();
    m_arrays.emplace_back(kind.value);
  } else if (kind.value == ValueKind::text) {
    column.way = Way::text;
  } else if (kind.value == ValueKind::jsonb) {
    column.way = Way::jsonb;
  } else if (never_special(format, column.value)) {
    column.way = column.value.small != nullptr ? Way::small : Way::large;
  } else if (kind.value == ValueKind::bytea && format.format == Format::text &&
             column.value.alphabet.find(format.delimiter) == std::string_view::npos) {
    column.way = Way::escaped;
  } else {
    column.way = Way::printed;
  }
  m_columns.push_back(column);
}

void RowEncoder::append(std::string_view message, ByteBuffer& out) {
  const char* at = message.data();
  const char* const end = at + message.size();
  if (!m_begun) {
    at = skip_header(at, end);
    m_begun = true;
  }
  while (at != end) {
    if (m_ended) {
      throw_bad("bytes behind its trailer");
    }
    if (end - at < 2) {
      throw_bad(fmt::format("row {} is cut short", m_rows + 1));
    }
    const auto fields = big_endian<std::int16_t>(at);
    at += 2;
    if (fields == -1) {
      m_ended = true;
      continue;
    }
    if (fields < 0 || static_cast<std::size_t>(fields) != m_columns.size()) {
      throw_bad(
          fmt::format("row {} has {} fields instead of {}", m_rows + 1, fields, m_columns.size()));
    }
    at = append_row(at, end, out);
    ++m_rows;
  }
}

void RowEncoder::finish() const {
  if (!m_ended) {
    throw_bad("it ends without its trailer");
  }
}

const char* RowEncoder::skip_header(const char* at, const char* end) {
  if (static_cast<std::size_t>(end - at) < k_header ||
      std::string_view(at, k_signature.size()) != k_signature) {
    throw_bad("it does not begin with the signature");
  }
  const auto flags = big_endian<std::uint32_t>(at + k_signature.size());
  if ((flags & k_critical_flags) != 0) {
    throw_bad(fmt::format("unknown flags {:08x} in its header", flags));
  }
  const auto extension = big_endian<std::uint32_t>(at + k_signature.size() + 4);
  if (extension > static_cast<std::size_t>(end - at) - k_header) {
    throw_bad("its header is cut short");
  }
  return at + k_header + extension;
}

const char* RowEncoder::append_row(const char* at, const char* end, ByteBuffer& out) {
  char* to = out.room(out.end(), m_little_room);
  std::size_t number = 0;
  try {
    for (auto& column : m_columns) {
      ++number;
      if (end - at < 4) {
        throw BadValue{"a row that is cut short"};
      }
      const auto length = big_endian<std::int32_t>(at);
      at += 4;
      to = out.room(to, m_little_room);
      if (length >= 0) {
        if (length > end - at) {
          throw BadValue{"a value that is cut short"};
        }
        to = write_value(column, out, to, at, static_cast<std::size_t>(length));
        at += length;
      } else if (length == -1) {
        to = write(to, m_style.null);
      } else {
        throw BadValue{"a value of a negative length"};
      }
      *to++ = column.end;
    }
  } catch (const BadValue& bad) {
    throw_bad(fmt::format("row {}, column {}: {}", m_rows + 1, number, bad.reason));
  }
  if (m_columns.empty()) {
    *to++ = '\n';
  }
  out.end_at(to);
  return at;
}

// Leaves room for what follows the field.
char* RowEncoder::write_value(Column& column, ByteBuffer& out, char* to, const char* data,
                              std::size_t size) {
  if (column.value.size != 0 && size != column.value.size && column.way != Way::array) {
    throw BadValue{"a value of a wrong length for its type"};
  }
  switch (column.way) {
  case Way::small:
    return column.value.small(to, data, size);
  case Way::large:
    return out.room(column.value.large(out, to, data, size), 1);
  case Way::text:
    return m_field_writer(m_style, out.room(to, field_room(size) + 1), data, size);
  case Way::jsonb:
    check_jsonb(data, size);
    return m_field_writer(m_style, out.room(to, field_room(size) + 1), data + 1, size - 1);
  case Way::escaped:
    *to++ = '\\';
    return out.room(column.value.large(out, to, data, size), 1);
  case Way::array:
  case Way::printed:
    break;
  }
  return write_printed(column, out, to, data, size);
}

char* RowEncoder::write_printed(Column& column, ByteBuffer& out, char* to, const char* data,
                                std::size_t size) {
  m_scratch.clear();
  char* begin = m_scratch.end();
  if (column.way == Way::array) {
    m_scratch.end_at(m_arrays[column.array].write(m_scratch, begin, data, size));
  } else if (column.value.small != nullptr) {
    begin = m_scratch.room(begin, k_small_value);
    m_scratch.end_at(column.value.small(begin, data, size));
  } else {
    m_scratch.end_at(column.value.large(m_scratch, begin, data, size));
  }
  const auto value = m_scratch.view();
  to = out.room(to, field_room(value.size()) + 1);
  return m_field_writer(m_style, to, value.data(), value.size());
}

}  // namespace pgstride::format
