// Whether a table's chunk key means the same ranges on another server, and which rows of a target's
// table are those of one partition. Functions use the given connections on the calling thread.
#pragma once

#include <string>

#include "pg/connection.hpp"
#include "pgstride/table.hpp"
#include "target/target_table.hpp"

namespace pgstride::job {

/// Why ranges of the table's key may be others on the target, in a few words; empty: they are the
/// same. Only types of pg_catalog, the same on both sides, are taken, whose values the target does
/// not round or cut, and texts under the same collation of the same version, or byte by byte.
std::string order_difference(pg::Connection& source, const Table& table, pg::Connection& target,
                             const target::TargetTable& facts);

struct PartitionCondition {
  std::string sql;
  std::string why_not;  ///< in a few words, where there is none
};

/// The condition over its columns that the rows of a partition satisfy and those of its siblings
/// don't, if it means the same on the target, by the same rules.
PartitionCondition partition_condition(pg::Connection& source, const Table& table,
                                       pg::Connection& target, const target::TargetTable& facts);

}  // namespace pgstride::job
