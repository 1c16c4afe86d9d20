#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "plan/bounds_index_skip.hpp"
#include "plan/chunk_sql.hpp"
#include "plan/cutter.hpp"
#include "plan/estimate.hpp"
#include "plan/key_sql.hpp"
#include "plan/plan.hpp"
#include "plan/table_facts.hpp"
#include "plan/table_options.hpp"

namespace pgstride::plan {

namespace {

// The smallest row of a heap: header and item pointer (htup_details.h).
constexpr std::int64_t k_smallest_row = 28;
// Pages that an estimate of the rows reads where statistics are missing or stale.
constexpr std::int64_t k_measured_pages = 2000;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

bool fits_one_chunk(const Table& table, const ChunkOptions& chunk) {
  // Rows may be estimated by far too few; bytes bound them.
  return chunk.chunk_rows ? table.estimated_bytes / k_smallest_row <= *chunk.chunk_rows
                          : table.estimated_bytes <= chunk.chunk_bytes;
}

void cut_whole(Table& table, const ChunkSink& emit) {
  const double rows = static_cast<double>(std::max<std::int64_t>(1, table.estimated_rows));
  ChunkCounter counter(table, emit, static_cast<double>(table.estimated_bytes) / rows);
  counter.emit(Chunk{}, table.estimated_rows);
  counter.finish();
}

class TableCut {
 public:
  TableCut(pg::Connection& connection, Table& table, const ChunkOptions& chunk,
           const ChunkSink& emit)
      : m_connection(connection), m_table(table), m_chunk(chunk), m_emit(emit),
        m_facts(read_table_facts(connection, table)) {
    measure();
  }

  void run() {
    const double rows = static_cast<double>(std::max<std::int64_t>(1, m_table.estimated_rows));
    ChunkCounter counter(m_table, m_emit, static_cast<double>(m_table.estimated_bytes) / rows);
    if (m_table.split == Split::ctid) {
      cut_pages(counter);
    } else {
      cut_key(counter);
    }
    counter.finish();
  }

 private:
  // Rows as they are now: what statistics say if they are fresh, else counted in some pages.
  void measure() {
    if (!m_facts.heap || statistics_fresh(m_facts) || m_facts.pages == 0) {
      return;
    }
    m_table.estimated_rows = static_cast<std::int64_t>(sampled_rows(
        m_connection, m_table, m_facts.pages, k_measured_pages, m_table.where.has_value()));
  }

  [[nodiscard]] std::int64_t wanted_chunks() const {
    const auto chunks = m_chunk.chunk_rows ? ceil_div(m_table.estimated_rows, *m_chunk.chunk_rows)
                                           : ceil_div(m_table.estimated_bytes, m_chunk.chunk_bytes);
    return std::max<std::int64_t>(1, chunks);
  }

  // Even page ranges; the first open below, the last open above: the table may grow.
  void cut_pages(ChunkCounter& counter) {
    const auto chunks = std::min(wanted_chunks(), std::max<std::int64_t>(1, m_facts.pages));
    const auto each = m_table.estimated_rows / chunks;
    std::optional<std::uint32_t> lower;
    for (std::int64_t i = 1; i < chunks; ++i) {
      Chunk chunk;
      chunk.kind = ChunkKind::ctid;
      chunk.page_lower = lower;
      chunk.page_upper = static_cast<std::uint32_t>(m_facts.pages * i / chunks);
      lower = chunk.page_upper;
      counter.emit(std::move(chunk), each);
    }
    Chunk last;
    last.kind = lower ? ChunkKind::ctid : ChunkKind::whole;
    last.page_lower = lower;
    counter.emit(std::move(last), m_table.estimated_rows - each * (chunks - 1));
  }

  void cut_key(ChunkCounter& counter) {
    const auto target =
        m_chunk.chunk_rows
            ? *m_chunk.chunk_rows
            : std::max<std::int64_t>(1, ceil_div(m_table.estimated_rows, wanted_chunks()));
    RangeCutter cutter(m_connection, m_table, m_facts, target, counter);
    walk_index(m_connection, m_table, {.lower = {}, .upper = {}, .step = target, .before = 0},
               [&](const Mark& mark) { cutter.add(mark); });
    const auto null_rows = count_nulls();
    cutter.finish(cutter.seen() + target / 2, null_rows);
  }

  std::int64_t count_nulls() {
    if (!key_nullable(*m_table.key)) {
      return 0;
    }
    return static_cast<std::int64_t>(m_facts.null_frac *
                                     static_cast<double>(m_table.estimated_rows));
  }

  pg::Connection& m_connection;
  Table& m_table;
  const ChunkOptions& m_chunk;
  const ChunkSink& m_emit;
  TableFacts m_facts;
};

}  // namespace

void cut_table(pg::Connection& connection, Table& table, const ChunkOptions& chunk,
               const ChunkSink& emit) {
  const bool own_bounds =
      option_for(chunk.intervals, table) != nullptr || option_for(chunk.bounds, table) != nullptr;
  if (table.split == Split::none || (fits_one_chunk(table, chunk) && !own_bounds)) {
    cut_whole(table, emit);
    return;
  }
  TableCut(connection, table, chunk, emit).run();
}

}  // namespace pgstride::plan
