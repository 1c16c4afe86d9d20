// Bounds from a sample of the rows, for tables whose index is too large to walk. Uses its
// connection on the calling thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pg/connection.hpp"
#include "plan/bounds_index_skip.hpp"
#include "plan/table_facts.hpp"

namespace pgstride::plan {

/// How to sample: whole pages (fast: only these are read) or single rows (reads the whole table).
struct SampleMethod {
  bool pages = true;
  double percent = 100;
};

/// The cheapest sample that gives bounds for so many chunks with the largest about 1.2 of the
/// average; none if it would take so large a part of the table that walking the key is cheaper.
std::optional<SampleMethod> sample_method(const TableFacts& facts, std::int64_t rows,
                                          std::int64_t chunks);

/// Marks that part `rows` into about `chunks` even chunks.
void walk_sample(pg::Connection& connection, const Table& table, const SampleMethod& method,
                 std::int64_t rows, std::int64_t chunks, const MarkSink& sink);

}  // namespace pgstride::plan
