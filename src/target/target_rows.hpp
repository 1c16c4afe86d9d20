// Whether target tables have rows. Uses the given connection on the calling thread.
#pragma once

#include <vector>

#include "pg/connection.hpp"
#include "target/target_table.hpp"

namespace pgstride::target {

/// Sets `has_rows` of each. Tables without a page need no look; the others are looked at a hundred
/// in a statement. A child by inheritance does not count for its parent, a partition does.
void find_rows(pg::Connection& connection, std::vector<TargetTable>& tables);

}  // namespace pgstride::target
