// What cutting one table needs to know of it now: size, density, freshness of its statistics. Uses
// the given connection on the calling thread.
#pragma once

#include <cstdint>

#include "pg/connection.hpp"
#include "pgstride/table.hpp"

namespace pgstride::plan {

struct TableFacts {
  bool heap = false;  ///< has ctids to cut by
  std::int64_t block_size = 8192;
  std::int64_t pages = 0;  ///< of the heap, now
  double reltuples = -1;
  std::int64_t relpages = 0;
  std::int64_t all_visible = 0;  ///< pages, at the last VACUUM
  double modified = 0;           ///< rows changed since the last ANALYZE
  bool analyzed = false;         ///< there are statistics of the key's first column
  double null_frac = 0;          ///< of the key's first column
  double correlation = 0;        ///< of it with the order of the heap
};

TableFacts read_table_facts(pg::Connection& connection, const Table& table);

/// True if rows and size are about those that the statistics were made of: at most a tenth changed.
bool statistics_fresh(const TableFacts& facts);

}  // namespace pgstride::plan
