#include "format/row_reader.hpp"

#include <fmt/core.h>

#include <utility>

#include "format/readers.hpp"
#include "pgstride/error.hpp"

namespace pgstride::format {

void RowFields::begin(std::size_t most_bytes) {
  m_fields.clear();
  m_values.clear();
  m_begun = 0;
  if (m_values.capacity() > k_keep_bytes) {
    std::string().swap(m_values);
  }
  m_values.reserve(most_bytes);
}

void RowFields::add_built() {
  m_fields.emplace_back(std::string_view(m_values).substr(m_begun));
  m_begun = m_values.size();
}

RowFormat row_format(const OutputOptions& output, int columns) {
  const bool csv = output.format == Format::csv;
  RowFormat format;
  format.format = output.format;
  format.header = output.header && output.format != Format::binary;
  format.delimiter = output.delimiter.value_or(csv ? ',' : '\t');
  format.null = output.null.value_or(csv ? "" : "\\N");
  format.columns = columns;
  return format;
}

std::unique_ptr<RowReader> make_row_reader(const RowFormat& format, RowSink sink) {
  return format.format == Format::binary ? make_binary_reader(format, std::move(sink))
                                         : make_line_reader(format, std::move(sink));
}

void throw_bad_file(std::string_view reason) {
  throw Error(ErrorKind::io, std::string(reason),
              "the file was changed after it was written, or it is of another format");
}

void check_field_count(std::size_t found, int wanted) {
  if (found != static_cast<std::size_t>(wanted)) {
    throw_bad_file(fmt::format("{} fields instead of {}", found, wanted));
  }
}

void throw_bad_row(std::int64_t row, std::string_view reason) {
  throw_bad_file(fmt::format("row {}: {}", row, reason));
}

}  // namespace pgstride::format
