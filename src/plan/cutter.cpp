#include "plan/cutter.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pg/text_array.hpp"
#include "plan/chunk_sql.hpp"
#include "plan/key_sql.hpp"

namespace pgstride::plan {

namespace {

// A page count that a sampled distribution of pages needs per part: 300 pages put the largest of
// 64 parts within about 1.2 of the average (their spread is 1 ÷ √300).
constexpr std::int64_t k_pages_per_part = 300;

}  // namespace

void ChunkCounter::emit(Chunk chunk, std::int64_t rows) {
  chunk.number = m_number++;
  chunk.estimated_rows = rows;
  chunk.estimated_bytes = static_cast<std::int64_t>(static_cast<double>(rows) * m_bytes_per_row);
  m_not_empty += rows > 0 ? 1 : 0;
  m_most = std::max(m_most, rows);
  m_total += rows;
  m_emit(std::move(chunk));
}

void ChunkCounter::finish() {
  m_table.chunks = m_number;
  m_table.max_over_avg = m_total > 0
                             ? static_cast<double>(m_most) * static_cast<double>(m_not_empty) /
                                   static_cast<double>(m_total)
                             : 1.0;
}

void RangeCutter::add(const Mark& mark) {
  m_seen = std::max({m_seen, mark.seen, mark.before});
  if (mark.before <= m_before) {
    return;
  }
  Chunk chunk;
  chunk.kind = ChunkKind::range;
  chunk.lower = std::exchange(m_lower, mark.value);
  chunk.upper = mark.value;
  emit(std::move(chunk), mark.before - m_before);
  m_before = mark.before;
}

void RangeCutter::finish(std::int64_t rows, std::int64_t null_rows) {
  const auto last_rows = std::max<std::int64_t>(0, rows - m_before);
  const bool nullable = key_nullable(*m_table.key);
  Chunk last;
  const bool whole = !m_lower && (!nullable || rows + null_rows <= m_target);
  last.kind = whole ? ChunkKind::whole : ChunkKind::range;
  last.lower = m_lower;
  emit(std::move(last), whole ? rows + null_rows : last_rows);
  if (nullable && !whole) {
    Chunk nulls;
    nulls.kind = ChunkKind::null_keys;
    emit(std::move(nulls), null_rows);
  }
}

void RangeCutter::emit(Chunk chunk, std::int64_t rows) {
  // A unique key has no common value, whatever an estimate says; and a resume may read the ranges
  // of a primary key under several snapshots, which pages don't survive (correctness.md, 6).
  const bool may_repeat = !m_table.key->unique || chunk.kind == ChunkKind::null_keys;
  const bool heavy = may_repeat && m_facts.heap && rows > m_target + m_target / 4 && rows >= 2;
  const auto parts = heavy ? std::min((rows + m_target - 1) / m_target, m_facts.pages) : 1;
  std::optional<std::uint32_t> lower;
  std::vector<std::uint32_t> bounds;
  if (parts > 1) {
    bounds = page_bounds(chunk, parts);
    if (chunk.kind == ChunkKind::whole && !bounds.empty()) {
      chunk.kind = ChunkKind::range;  // its key can't be NULL
    }
  }
  const auto each = rows / (static_cast<std::int64_t>(bounds.size()) + 1);
  for (const auto bound : bounds) {
    auto part = chunk;
    part.page_lower = lower;
    part.page_upper = bound;
    lower = bound;
    m_counter.emit(std::move(part), each);
  }
  chunk.page_lower = lower;
  m_counter.emit(std::move(chunk), rows - each * static_cast<std::int64_t>(bounds.size()));
}

// Pages between which the chunk's rows are in even parts, by those found in sampled pages. A value
// may stand in a corner of the heap: even page ranges would not cut it.
std::vector<std::uint32_t> RangeCutter::page_bounds(const Chunk& chunk, std::int64_t parts) {
  const double percent = std::min(100.0, 100.0 * static_cast<double>(parts * k_pages_per_part) /
                                             static_cast<double>(m_facts.pages));
  const auto result = m_connection.exec(fmt::format(
      R"sql(
        SELECT pg_catalog.percentile_disc((
                 SELECT pg_catalog.array_agg(i / {0}::pg_catalog.float8 ORDER BY i)
                 FROM pg_catalog.generate_series(1, {0} - 1) AS i))
               WITHIN GROUP (ORDER BY page)
        FROM (SELECT ((ctid::pg_catalog.text::pg_catalog.point)[0])::pg_catalog.int8 AS page
              FROM {1} TABLESAMPLE SYSTEM ({2:.6f}) REPEATABLE (1){3}) AS sampled
      )sql",
      parts, table_reference(m_table), percent, where_clause(chunk_condition(m_table, chunk))));
  std::vector<std::uint32_t> bounds;
  for (const auto page : pg::numbers_of(result.get(0, 0))) {
    const auto bound = static_cast<std::uint32_t>(page + 1);
    if (bounds.empty() || bound > bounds.back()) {
      bounds.push_back(bound);
    }
  }
  return bounds;
}

}  // namespace pgstride::plan
