#include "transfer/row_pieces.hpp"

#include <algorithm>
#include <utility>

namespace pgstride::transfer {

RowPieces::RowPieces(const LoadWay& way, std::size_t batch_rows, std::int64_t lines_before,
                     std::function<void(RowBatch&)> full)
    : m_cutter(way.dialect, {}, 1), m_batch_rows(batch_rows), m_full(std::move(full)),
      m_lines(lines_before) {}

void RowPieces::write(std::string_view bytes) {
  const auto begin = m_offset;
  std::size_t taken = 0;
  m_cutter.write(bytes, [&](const format::RowCut& cut) {
    const auto end = static_cast<std::size_t>(cut.offset - begin);
    const auto rest = bytes.substr(taken, end - taken);
    taken = end;
    if (m_begun.empty()) {
      add(rest);
    } else {
      m_begun.append(rest);
      add(std::exchange(m_begun, {}));
    }
  });
  m_begun.append(bytes.substr(taken));
  m_offset = begin + static_cast<std::int64_t>(bytes.size());
}

void RowPieces::finish() {
  if (!m_begun.empty()) {
    add(std::exchange(m_begun, {}));
  }
  flush();
}

// COPY takes lines that end with \r\n if the first does; here they end with \n.
void RowPieces::add(std::string_view row) {
  m_batch_lines += std::count(row.begin(), row.end(), '\n');
  const bool whole = row.ends_with('\n');
  if (whole) {
    row.remove_suffix(1);
  }
  if (std::exchange(m_first, false)) {
    m_carriage_returns = row.ends_with('\r');
  }
  if (m_carriage_returns && row.ends_with('\r')) {
    row.remove_suffix(1);
  }
  if (row == "\\.") {
    return;  // the end of the data, as psql writes it; nothing follows (format::LoadWatch)
  }
  m_batch.add(std::string(row) + '\n');
  if (m_batch.rows() == m_batch_rows || m_batch.full()) {
    flush();
  }
}

void RowPieces::flush() {
  if (m_batch.rows() > 0) {
    m_batch.set_lines_before(m_lines);
    m_full(m_batch);
    m_batch.clear();
  }
  m_lines += std::exchange(m_batch_lines, 0);
}

}  // namespace pgstride::transfer
