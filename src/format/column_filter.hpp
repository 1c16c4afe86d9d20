// Leaves columns out of a file's rows on their way into a COPY: those that the target generates.
// Belongs to one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/row_reader.hpp"

namespace pgstride::format {

struct KeptColumns {
  RowFormat format;        ///< of the file's rows; `header` is not looked at
  std::vector<bool> keep;  ///< for each of the file's columns
};

/// The format that the filtered rows have: binary stays, csv and text become COPY's plain text.
Format filtered_format(Format format);

class ColumnFilter {
 public:
  ColumnFilter(const KeptColumns& kept, std::function<void(std::string_view)> sink);
  /// Takes the file's next bytes, without its header. Throws Error (io) as RowReader.
  void write(std::string_view bytes);
  void finish();

 private:
  void add_row(std::span<const Field> fields);
  void add_text(const Field& field);
  void add_binary(const Field& field);
  void flush();

  KeptColumns m_kept;
  std::function<void(std::string_view)> m_sink;
  std::unique_ptr<RowReader> m_reader;
  std::size_t m_columns = 0;  ///< that are kept
  std::string m_out;
};

}  // namespace pgstride::format
