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

/// Who runs a transaction with an id below `xid` (text of xid8), or has prepared one, for messages.
std::string older_transactions(pg::Connection& session, const std::string& xid);

/// Waits until no transaction that a snapshot takes for committed is still running for others: its
/// commit record is written before it leaves the list of running ones, and with synchronous
/// replication long before. Until then a read under the snapshot may take its rows for those of an
/// aborted one (correctness.md, 2). `snapshot` is text of pg_current_snapshot() in the session that
/// imported it; the given session is outside a transaction. Throws Error: stopped, connection.
void wait_until_settled(pg::Connection& session, const std::string& snapshot,
                        const Waiting& waiting);

/// True if every byte of WAL below `lsn` is on the server's disk; always on a standby.
bool is_flushed(pg::Connection& session, Lsn lsn);

}  // namespace pgstride::handoff
