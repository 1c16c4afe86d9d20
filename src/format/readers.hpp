// The readers behind make_row_reader(), one format a file. Each object belongs to one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "format/row_reader.hpp"

namespace pgstride::format {

/// The fields of one row, and room for values that had to be unescaped.
class RowFields {
 public:
  /// Begins a row whose values together take `most_bytes` at most: views stay valid till the next.
  void begin(std::size_t most_bytes);
  void add(Field field) { m_fields.push_back(field); }
  /// An unescaped value is built by append() and ended by add_built().
  void append(std::string_view bytes) { m_values.append(bytes); }
  void append(char byte) { m_values += byte; }
  void add_built();
  [[nodiscard]] std::span<const Field> fields() const { return m_fields; }

 private:
  std::vector<Field> m_fields;
  std::string m_values;
  std::size_t m_begun = 0;
};

/// Takes the line of one row, without its end, apart.
class LineParser {
 public:
  virtual ~LineParser() = default;
  virtual void parse(std::string_view line, RowFields& row) = 0;
};

std::unique_ptr<LineParser> make_csv_parser(const RowFormat& format);
std::unique_ptr<LineParser> make_text_parser(const RowFormat& format);
std::unique_ptr<RowReader> make_line_reader(const RowFormat& format, RowSink sink);
std::unique_ptr<RowReader> make_binary_reader(const RowFormat& format, RowSink sink);

/// Errors (io) of a file that COPY could not have written.
[[noreturn]] void throw_bad_file(std::string_view reason);
/// `row` counts from 1, without the header.
[[noreturn]] void throw_bad_row(std::int64_t row, std::string_view reason);
void check_field_count(std::size_t found, int wanted);

/// What is kept of a buffer for the next row; a huge row's memory is given back.
inline constexpr std::size_t k_keep_bytes = 1 << 20;

}  // namespace pgstride::format
