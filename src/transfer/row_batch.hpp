// Rows that are loaded together, as their source gave them. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgstride::transfer {

class RowBatch {
 public:
  /// However many rows a batch may have, it ends with the row that fills these bytes.
  static constexpr std::size_t k_most_bytes = 16 << 20;

  /// One row with its line end, and the line of its source where it begins, from 1.
  void add(std::string_view row, std::int64_t line) {
    m_bytes.append(row);
    m_ends.push_back(m_bytes.size());
    m_lines.push_back(line);
  }
  void clear() {
    if (m_bytes.capacity() > 2 * k_most_bytes) {
      std::string().swap(m_bytes);  // a huge row's memory
    }
    m_bytes.clear();
    m_ends.clear();
    m_lines.clear();
  }

  [[nodiscard]] std::size_t rows() const { return m_ends.size(); }
  [[nodiscard]] std::size_t bytes() const { return m_bytes.size(); }
  [[nodiscard]] bool full() const { return m_bytes.size() >= k_most_bytes; }
  /// The bytes of rows [from, to).
  [[nodiscard]] std::string_view slice(std::size_t from, std::size_t to) const {
    const auto begin = from == 0 ? 0 : m_ends[from - 1];
    const auto end = to == 0 ? 0 : m_ends[to - 1];
    return std::string_view(m_bytes).substr(begin, end - begin);
  }
  /// Where a row begins in its source.
  [[nodiscard]] std::int64_t line(std::size_t row) const { return m_lines[row]; }

 private:
  std::string m_bytes;
  std::vector<std::size_t> m_ends;
  std::vector<std::int64_t> m_lines;
};

}  // namespace pgstride::transfer
