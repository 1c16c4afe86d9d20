// Target tables of which one is a part of another: what empties the whole would take the rows of
// the part along. Uses the given connection on the calling thread.
#pragma once

#include <utility>
#include <vector>

#include "pg/connection.hpp"
#include "target/table_name.hpp"

namespace pgstride::target {

/// Of these tables those that are a partition, at any depth, of another of them, with that one.
std::vector<std::pair<TableName, TableName>> nested_tables(pg::Connection& connection,
                                                           const std::vector<TableName>& names);

}  // namespace pgstride::target
