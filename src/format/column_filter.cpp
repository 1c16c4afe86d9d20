#include "format/column_filter.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace pgstride::format {

namespace {

// PostgreSQL documentation, COPY, Binary Format.
constexpr std::string_view k_signature{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
constexpr std::string_view k_trailer{"\377\377", 2};

// Rows are gathered to about so much before they go on.
constexpr std::size_t k_gather = 64 << 10;

void append_big_endian(std::string& out, std::uint32_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xff);
  }
}

RowFormat without_header(RowFormat format) {
  format.header = false;
  return format;
}

}  // namespace

Format filtered_format(Format format) {
  return format == Format::binary ? Format::binary : Format::text;
}

ColumnFilter::ColumnFilter(const KeptColumns& kept, std::function<void(std::string_view)> sink)
    : m_kept(kept), m_sink(std::move(sink)),
      m_reader(make_row_reader(without_header(kept.format),
                               [this](std::span<const Field> fields) { add_row(fields); })),
      m_columns(static_cast<std::size_t>(std::count(kept.keep.begin(), kept.keep.end(), true))) {
  if (m_kept.format.format == Format::binary) {
    m_out = k_signature;
  }
}

void ColumnFilter::write(std::string_view bytes) {
  m_reader->write(bytes);
  if (m_out.size() >= k_gather) {
    flush();
  }
}

void ColumnFilter::finish() {
  m_reader->finish();
  if (m_kept.format.format == Format::binary) {
    m_out += k_trailer;
  }
  flush();
}

void ColumnFilter::flush() {
  m_sink(m_out);
  m_out.clear();
}

void ColumnFilter::add_row(std::span<const Field> fields) {
  const bool binary = m_kept.format.format == Format::binary;
  if (binary) {
    append_big_endian(m_out, static_cast<std::uint32_t>(m_columns), 2);
  }
  bool first = true;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!m_kept.keep[i]) {
      continue;
    }
    if (binary) {
      add_binary(fields[i]);
      continue;
    }
    if (!first) {
      m_out += '\t';
    }
    first = false;
    add_text(fields[i]);
  }
  if (!binary) {
    m_out += '\n';
  }
  if (m_out.size() >= k_gather) {
    flush();
  }
}

void ColumnFilter::add_binary(const Field& field) {
  if (!field) {
    append_big_endian(m_out, 0xffffffff, 4);
    return;
  }
  append_big_endian(m_out, static_cast<std::uint32_t>(field->size()), 4);
  m_out += *field;
}

void ColumnFilter::add_text(const Field& field) {
  if (!field) {
    m_out += "\\N";
    return;
  }
  for (const char c : *field) {
    switch (c) {
    case '\\':
      m_out += "\\\\";
      break;
    case '\n':
      m_out += "\\n";
      break;
    case '\r':
      m_out += "\\r";
      break;
    case '\t':
      m_out += "\\t";
      break;
    default:
      m_out += c;
    }
  }
}

}  // namespace pgstride::format
