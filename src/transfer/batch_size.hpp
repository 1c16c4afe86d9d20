// How many rows a statement is given: halved where one takes too long or too much, doubled again
// after some that went well. Belongs to one thread.
#pragma once

#include <algorithm>
#include <cstddef>

namespace pgstride::transfer {

class BatchSize {
 public:
  BatchSize() = default;
  BatchSize(std::size_t least, std::size_t most) : m_least(least), m_most(most), m_rows(most) {}

  [[nodiscard]] std::size_t rows() const { return m_rows; }

  /// A statement of so many rows took too much. False if they can't be fewer.
  bool halve(std::size_t rows) {
    m_well = 0;
    if (rows <= std::max<std::size_t>(m_least, 1)) {
      return false;
    }
    m_rows = std::max({m_least, rows / 2, std::size_t{1}});
    return true;
  }

  /// A statement of so many rows went well.
  void went_well(std::size_t rows) {
    if (rows >= m_rows && ++m_well >= k_before_growing) {
      m_well = 0;
      m_rows = std::min(m_most, m_rows * 2);
    }
  }

 private:
  /// What made it shrink (a lock, others' load) mostly lasts longer than one statement.
  static constexpr int k_before_growing = 4;

  std::size_t m_least = 1;
  std::size_t m_most = 1;
  std::size_t m_rows = 1;
  int m_well = 0;
};

}  // namespace pgstride::transfer
