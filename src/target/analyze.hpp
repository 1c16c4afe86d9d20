// Statistics of loaded tables. Uses the given connection on the calling thread.
#pragma once

#include <vector>

#include "pg/connection.hpp"
#include "target/column_match.hpp"
#include "target/table_name.hpp"

namespace pgstride::target {

/// ANALYZE of each table (of a partitioned one with its partitions), each in a transaction of its
/// own. Returns a warning for each that could not be analyzed; throws Error where the connection
/// broke or a stop was asked for.
std::vector<Difference> analyze_tables(pg::Connection& connection,
                                       const std::vector<TableName>& tables);

}  // namespace pgstride::target
