// Which rows of a chunk differ between a source and a target: both servers sort the hashes of their
// rows, and the two streams are merged. Uses the given connections, in transactions of the
// caller's, on the calling thread. Memory is bounded by the limit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/chunk.hpp"
#include "pgstride/job.hpp"
#include "pgstride/table.hpp"

namespace pgstride::job {

/// One side of a comparison.
struct RowsOfSide {
  pg::Connection& connection;
  std::vector<Table> tables;  ///< with the columns to compare
};

/// Sets `keys`, sorted, and `more_keys` of the difference: at most `limit`. `key` names the columns
/// that tell a row.
void find_differing_keys(const RowsOfSide& source, const RowsOfSide& target, const Chunk& chunk,
                         const std::vector<std::string>& key, std::size_t limit,
                         Difference& difference);

}  // namespace pgstride::job
