// Gathers a file's rows, as they come in pieces of any size, into batches. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "format/row_cutter.hpp"
#include "transfer/load_way.hpp"
#include "transfer/row_batch.hpp"

namespace pgstride::transfer {

class RowPieces {
 public:
  /// `line_of`: the line of the file where the n-th row begins, from 0. `full` takes each batch.
  RowPieces(const LoadWay& way, std::size_t batch_rows,
            std::function<std::int64_t(std::int64_t row)> line_of,
            std::function<void(RowBatch&)> full);

  void write(std::string_view bytes);
  /// The end: a last row may lack its line end.
  void finish();

 private:
  void add(std::string_view row);
  void flush();

  format::RowCutter m_cutter;
  std::size_t m_batch_rows;
  std::function<std::int64_t(std::int64_t row)> m_line_of;
  std::function<void(RowBatch&)> m_full;
  RowBatch m_batch;
  std::string m_begun;  ///< of a row whose end has not come
  std::int64_t m_offset = 0;
  std::int64_t m_rows = 0;
  bool m_carriage_returns = false;  ///< lines end with \r\n, as the first does
};

}  // namespace pgstride::transfer
