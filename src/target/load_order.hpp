// What foreign keys say about truncating and loading tables in any order. Pure; any thread.
#pragma once

#include <vector>

#include "target/column_match.hpp"
#include "target/target_table.hpp"

namespace pgstride::target {

/// Why these tables can't be truncated together: foreign keys of others, privileges. Never
/// CASCADE, which would empty tables that nobody named.
std::vector<Difference> truncate_differences(const std::vector<TargetTable>& tables);

/// Foreign keys that a load in any order would break: those between two of the tables, or of one to
/// itself. None are in the way where triggers are off or the keys are built afterwards.
std::vector<Difference> load_order_differences(const std::vector<TargetTable>& tables);

}  // namespace pgstride::target
