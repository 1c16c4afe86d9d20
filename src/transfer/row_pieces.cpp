#include "transfer/row_pieces.hpp"

#include <utility>

namespace pgstride::transfer {

RowPieces::RowPieces(const LoadWay& way, std::size_t batch_rows,
                     std::function<std::int64_t(std::int64_t row)> line_of,
                     std::function<void(RowBatch&)> full)
    : m_cutter(way.dialect, {}, 1), m_batch_rows(batch_rows), m_line_of(std::move(line_of)),
      m_full(std::move(full)) {}

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
  const bool whole = row.ends_with('\n');
  if (whole) {
    row.remove_suffix(1);
  }
  const auto number = m_rows++;
  if (number == 0) {
    m_carriage_returns = row.ends_with('\r');
  }
  if (m_carriage_returns && row.ends_with('\r')) {
    row.remove_suffix(1);
  }
  if (row == "\\.") {
    return;  // the end of the data, as psql writes it; nothing follows (format::LoadWatch)
  }
  m_batch.add(std::string(row) + '\n', m_line_of(number));
  if (m_batch.rows() == m_batch_rows || m_batch.full()) {
    flush();
  }
}

void RowPieces::flush() {
  if (m_batch.rows() > 0) {
    m_full(m_batch);
    m_batch.clear();
  }
}

}  // namespace pgstride::transfer
