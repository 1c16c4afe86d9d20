// The guarded order of correctness.md, 2: WAL position first, then a snapshot that must show every
// transaction below it. Uses the given session on the calling thread.
#pragma once

#include "handoff/snapshot.hpp"

namespace pgstride::handoff {

/// Leaves the session in a REPEATABLE READ transaction whose snapshot is the returned one. On a
/// primary it draws a transaction id of its own and repeats until the snapshot's xmin has reached
/// it; a longer transaction, or a prepared one, holds that up and is named to `waiting`. On a
/// standby the replay position read before the snapshot serves as it is.
Snapshot take_guarded_snapshot(pg::Connection& session, const Waiting& waiting);

/// True if every byte of WAL below `lsn` is on the server's disk; always on a standby.
bool is_flushed(pg::Connection& session, Lsn lsn);

}  // namespace pgstride::handoff
