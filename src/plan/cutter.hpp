// Turns bounds, in ascending order and with the rows before them, into chunks, one at a time. Uses
// its connection on the calling thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pg/connection.hpp"
#include "plan/plan.hpp"
#include "plan/table_facts.hpp"

namespace pgstride::plan {

/// A value of the key, and how many rows have a smaller key: exact or estimated.
struct Mark {
  KeyValue value;
  std::int64_t before = 0;
  std::int64_t seen = 0;  ///< rows known to be there so far, ≥ before
};

/// Numbers chunks, estimates their bytes and keeps the table's totals.
class ChunkCounter {
 public:
  ChunkCounter(Table& table, const ChunkSink& emit, double bytes_per_row)
      : m_table(table), m_emit(emit), m_bytes_per_row(bytes_per_row) {}
  void emit(Chunk chunk, std::int64_t rows);
  /// Writes chunks and max_over_avg into the table.
  void finish();

 private:
  Table& m_table;
  const ChunkSink& m_emit;
  double m_bytes_per_row;
  std::int64_t m_number = 0;
  std::int64_t m_not_empty = 0;
  std::int64_t m_most = 0;
  std::int64_t m_total = 0;
};

/// Chunks of a key. What holds more than a quarter over the target (a common value) is cut further
/// by pages. Without a single bound it makes one chunk of the whole table.
class RangeCutter {
 public:
  RangeCutter(pg::Connection& connection, Table& table, const TableFacts& facts,
              std::int64_t target_rows, ChunkCounter& counter)
      : m_connection(connection), m_table(table), m_facts(facts), m_target(target_rows),
        m_counter(counter) {}

  /// A bound. One with no more rows before it than the last is passed over: it is the same value.
  void add(const Mark& mark);
  /// The end: `rows` without a NULL key in all, `null_rows` with.
  void finish(std::int64_t rows, std::int64_t null_rows);

  [[nodiscard]] std::int64_t seen() const { return m_seen; }
  /// The last bound so far, and the rows before it; none and 0 at the beginning.
  [[nodiscard]] const std::optional<KeyValue>& last_bound() const { return m_lower; }
  [[nodiscard]] std::int64_t before_last_bound() const { return m_before; }

 private:
  void emit(Chunk chunk, std::int64_t rows);
  std::vector<std::uint32_t> page_bounds(const Chunk& chunk, std::int64_t parts);

  pg::Connection& m_connection;
  Table& m_table;
  const TableFacts& m_facts;
  std::int64_t m_target;
  ChunkCounter& m_counter;
  std::optional<KeyValue> m_lower;
  std::int64_t m_before = 0;
  std::int64_t m_seen = 0;
};

}  // namespace pgstride::plan
