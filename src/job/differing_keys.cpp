#include "job/differing_keys.hpp"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "job/hash_sql.hpp"

namespace pgstride::job {

namespace {

/// The rows of a side in the order of hash and key, some at a time.
class SortedRows {
 public:
  using Row = std::pair<std::int64_t, std::string>;

  SortedRows(const RowsOfSide& side, const Chunk& chunk, const std::vector<std::string>& key)
      : m_connection(side.connection) {
    std::string rows;
    for (const auto& table : side.tables) {
      rows += (rows.empty() ? "" : " UNION ALL ") + row_hashes_query(table, chunk, key);
    }
    m_connection.exec("DECLARE differing NO SCROLL CURSOR FOR SELECT hash, key FROM (" + rows +
                      ") AS every ORDER BY hash, key COLLATE pg_catalog.\"C\"");
    fetch();
  }
  ~SortedRows() = default;
  SortedRows(const SortedRows&) = delete;
  SortedRows& operator=(const SortedRows&) = delete;

  /// None at the end.
  [[nodiscard]] const Row* now() const { return m_at < m_rows.size() ? &m_rows[m_at] : nullptr; }

  void next() {
    if (++m_at == m_rows.size()) {
      fetch();
    }
  }

  void close() { m_connection.exec("CLOSE differing"); }

 private:
  void fetch() {
    const auto result = m_connection.exec("FETCH 5000 FROM differing");
    m_rows.clear();
    m_at = 0;
    for (int row = 0; row < result.rows(); ++row) {
      m_rows.emplace_back(result.int64(row, 0), result.text(row, 1));
    }
  }

  pg::Connection& m_connection;
  std::vector<Row> m_rows;
  std::size_t m_at = 0;
};

/// What is on one side only, by key. A row that changed is on both, with two hashes.
class Differing {
 public:
  explicit Differing(std::size_t limit) : m_limit(limit) {}

  void add(const std::string& key, bool in_source) {
    const auto known = m_keys.find(key);
    if (known == m_keys.end() && m_keys.size() == m_limit) {
      ++(in_source ? m_more_in_source : m_more_in_target);
      return;
    }
    auto& sides = m_keys[key];
    (in_source ? sides.first : sides.second) = true;
  }

  void give(Difference& difference) const {
    for (const auto& [key, sides] : m_keys) {
      const auto* what = !sides.second ? "missing" : sides.first ? "changed" : "extra";
      difference.keys.push_back({key, what});
    }
    difference.more_keys = std::max(m_more_in_source, m_more_in_target);
  }

 private:
  std::size_t m_limit;
  std::map<std::string, std::pair<bool, bool>> m_keys;  ///< in the source, in the target
  std::int64_t m_more_in_source = 0;
  std::int64_t m_more_in_target = 0;
};

}  // namespace

void find_differing_keys(const RowsOfSide& source, const RowsOfSide& target, const Chunk& chunk,
                         const std::vector<std::string>& key, std::size_t limit,
                         Difference& difference) {
  SortedRows here(source, chunk, key);
  SortedRows there(target, chunk, key);
  Differing differing(limit);
  while (here.now() != nullptr || there.now() != nullptr) {
    const auto* left = here.now();
    const auto* right = there.now();
    if (left != nullptr && right != nullptr && *left == *right) {
      here.next();
      there.next();
    } else if (right == nullptr || (left != nullptr && *left < *right)) {
      differing.add(left->second, true);
      here.next();
    } else {
      differing.add(right->second, false);
      there.next();
    }
  }
  here.close();
  there.close();
  differing.give(difference);
}

}  // namespace pgstride::job
