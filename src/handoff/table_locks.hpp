// ACCESS SHARE locks on the job's tables, taken before the snapshot (correctness.md, 1): without
// them a table that is truncated or rewritten in between reads as empty, without an error.
// Functions use the given connection on the calling thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/table.hpp"

namespace pgstride::handoff {

struct LockTarget {
  std::string schema;
  std::string name;
  RelationKind kind = RelationKind::table;
  std::uint32_t oid = 0;
};

LockTarget lock_target(const Table& table);

struct LockFailure {
  std::size_t index = 0;  ///< into the targets
  Error error;  ///< lock: somebody has or awaits a stronger one; server: gone, or not allowed
};

/// Locks all targets in the open transaction of the connection, never waiting behind anybody
/// (NOWAIT; materialized views and foreign tables, for which LOCK TABLE is refused, by an empty
/// SELECT under a short lock_timeout). Uses savepoints only after a failure. Returns those that it
/// could not lock.
std::vector<LockFailure> lock_tables(pg::Connection& connection,
                                     const std::vector<LockTarget>& targets);

/// The statement or statements that lock one target, for a worker to send.
std::string lock_statement(const LockTarget& target);

/// Locks one target, NOWAIT; throws Error (lock) where somebody is in the way.
void lock_table(pg::Connection& connection, const LockTarget& target);

/// Who holds or awaits ACCESS EXCLUSIVE on relations, a line each: `pid 4711 (alice, active for 12
/// s) holds AccessExclusiveLock on public.orders: ALTER TABLE …`. Call it outside a failed
/// transaction.
std::vector<std::string> lock_blockers(pg::Connection& connection,
                                       const std::vector<std::uint32_t>& oids);

}  // namespace pgstride::handoff
