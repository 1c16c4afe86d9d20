// Takes out of a target's table what a job has loaded with some of its chunks, so that they can be
// loaded again (correctness.md, 3, repair by range). Functions on the given connection.
#pragma once

#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "target/ledger.hpp"
#include "target/target_table.hpp"

namespace pgstride::target {

/// Why rows of a table must not be deleted range by range, in a few words; empty: they may be. A
/// deleted row would take others with it, or somebody's trigger would hear of it. `by_replica`: the
/// session fires no foreign keys, and only triggers that are meant for it.
std::string deletion_obstacle(const TargetTable& table, bool by_replica);

/// As LoadBook::unload(), for a ledger.
std::string unload_chunks(pg::Connection& connection, const LedgerRun& run, const TableName& table,
                          const std::vector<LoadedRange>& ranges);

}  // namespace pgstride::target
