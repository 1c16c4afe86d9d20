#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "plan/chunk_sql.hpp"
#include "plan/estimate.hpp"
#include "plan/key_cut.hpp"
#include "plan/plan.hpp"
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

double bytes_per_row(const Table& table) {
  return static_cast<double>(table.estimated_bytes) /
         static_cast<double>(std::max<std::int64_t>(1, table.estimated_rows));
}

// Rows as they are now: what statistics say if they are fresh, else counted in some pages.
void measure(pg::Connection& connection, Table& table, const TableFacts& facts) {
  if (facts.heap && facts.pages > 0 && !statistics_fresh(facts)) {
    table.estimated_rows = static_cast<std::int64_t>(
        sampled_rows(connection, table, facts.pages, k_measured_pages, where_condition(table)));
  }
}

std::int64_t wanted_chunks(const Table& table, const ChunkOptions& chunk) {
  const auto chunks = chunk.chunk_rows ? ceil_div(table.estimated_rows, *chunk.chunk_rows)
                                       : ceil_div(table.estimated_bytes, chunk.chunk_bytes);
  return std::max<std::int64_t>(1, chunks);
}

void cut_whole(const Table& table, ChunkCounter& counter) {
  counter.emit(Chunk{}, table.estimated_rows);
}

// Even page ranges; the first open below, the last open above: the table may grow.
void cut_pages(const Table& table, const TableFacts& facts, std::int64_t wanted,
               ChunkCounter& counter) {
  const auto chunks = std::min(wanted, std::max<std::int64_t>(1, facts.pages));
  const auto each = table.estimated_rows / chunks;
  std::optional<std::uint32_t> lower;
  for (std::int64_t i = 1; i < chunks; ++i) {
    Chunk chunk;
    chunk.kind = ChunkKind::ctid;
    chunk.page_lower = lower;
    chunk.page_upper = static_cast<std::uint32_t>(facts.pages * i / chunks);
    lower = chunk.page_upper;
    counter.emit(std::move(chunk), each);
  }
  Chunk last;
  last.kind = lower ? ChunkKind::ctid : ChunkKind::whole;
  last.page_lower = lower;
  counter.emit(std::move(last), table.estimated_rows - each * (chunks - 1));
}

}  // namespace

void cut_table(pg::Connection& connection, Table& table, const ChunkOptions& chunk,
               const ChunkSink& emit) {
  const auto* interval = option_for(chunk.intervals, table);
  const auto* file = option_for(chunk.bounds, table);
  if (table.split == Split::none ||
      (fits_one_chunk(table, chunk) && interval == nullptr && file == nullptr)) {
    ChunkCounter counter(table, emit, bytes_per_row(table));
    cut_whole(table, counter);
    counter.finish();
    return;
  }
  const auto facts = read_table_facts(connection, table);
  measure(connection, table, facts);
  ChunkCounter counter(table, emit, bytes_per_row(table));
  const auto chunks = wanted_chunks(table, chunk);
  if (table.split == Split::ctid) {
    cut_pages(table, facts, chunks, counter);
  } else {
    const auto rows = std::max<std::int64_t>(1, ceil_div(table.estimated_rows, chunks));
    const KeyCut cut{.connection = connection,
                     .table = table,
                     .facts = facts,
                     .chunks = chunks,
                     .target = chunk.chunk_rows.value_or(rows)};
    if (file != nullptr) {
      cut_by_file(cut, file->value, counter);
    } else if (interval != nullptr) {
      cut_by_interval(cut, interval->value, counter);
    } else {
      cut_by_rows(cut, choose_source(cut), counter);
    }
  }
  counter.finish();
  if (file != nullptr) {
    table.max_over_avg = 0;  // nobody has looked between the user's bounds
  }
}

}  // namespace pgstride::plan
