// How many rows and bytes there are to export. Uses the given connection on the calling thread.
#pragma once

#include <cstdint>

#include "pg/connection.hpp"
#include "plan/catalog.hpp"

namespace pgstride::plan {

/// Rows by the density at the last VACUUM or ANALYZE and the present size (as the server's own
/// planner), or by a guess of the row's width if there was none.
double rows_by_density(double reltuples, std::int64_t relpages, std::int64_t heap_bytes,
                       std::int64_t block_size, std::size_t columns);

/// The server's estimate for what a table's export reads, its filter honoured.
struct Explained {
  double rows = 0;
  std::int64_t width = 0;  ///< bytes of a row
};

/// By EXPLAIN. Throws Error (usage) if the filter is not a condition that the server understands.
Explained explain_rows(pg::Connection& connection, const Table& table);

/// Rows that fulfil a condition (empty: all), counted in about `pages` pages spread over the heap
/// and taken for the whole; exact if the heap has no more.
double sampled_rows(pg::Connection& connection, const Table& table, std::int64_t heap_pages,
                    std::int64_t pages, const std::string& condition);

}  // namespace pgstride::plan
