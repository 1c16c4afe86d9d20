// One snapshot for the whole job, and its WAL position: taken by the guarded procedure of
// correctness.md, 2, and kept by two holder sessions that re-export it. Belongs to the job's
// thread; workers are given ids, not sessions.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "handoff/table_locks.hpp"
#include "pg/connection.hpp"
#include "pgstride/lsn.hpp"

namespace pgstride::handoff {

/// A snapshot as the checkpoint and the manifest know it.
struct Snapshot {
  Lsn lsn;           ///< every transaction committed below it is visible
  Lsn end_lsn;       ///< no visible transaction committed at or above it
  std::string text;  ///< pg_current_snapshot(): `xmin:xmax:xip`
  [[nodiscard]] std::string xmin() const;
  [[nodiscard]] std::string xmax() const;
};

/// Holders' roles begin with it.
inline constexpr const char* k_holder_role = "holder";
/// Opens a session named after what it is for (`holder1`).
using Connect = std::function<pg::Connection(const std::string& role)>;
/// Told every second or few what is waited for; what it throws ends the wait.
using Waiting = std::function<void(const std::string& message, const std::string& hint)>;

/// A session that holds a snapshot, and how to find it again.
struct Holder {
  std::string exported_id;
  int pid = 0;
  std::string backend_start;
  bool operator==(const Holder&) const = default;
};

/// `exported id|pid|backend_start` a line: what the checkpoint stores.
std::string to_text(const std::vector<Holder>& holders);
std::vector<Holder> parse_holders(const std::string& text);

/// What becomes of a table that a holder can't lock. A table that it does not hold is safe all the
/// same, as each worker looks whether it is still the same, but its chunks may need another
/// snapshot then.
enum class Locking {
  all,              ///< none may be missing
  wait_for_others,  ///< one that another session is in the way of is an error, one that is gone is
                    ///< not
  those_free        ///< those that can be had
};

class SnapshotHolders {
 public:
  /// Takes a new snapshot while the caller's session holds the locks on the targets, and hands it
  /// to two holders that lock the targets too. Waits (telling `waiting`) for transactions that are
  /// older than the guard. Throws Error: lock where a holder can't have a lock, connection, server,
  /// stopped.
  static SnapshotHolders take(Connect connect, std::vector<LockTarget> targets,
                              const Waiting& waiting);

  /// The same for a snapshot that somebody exported and still keeps: a slot's, whose consistent
  /// point is `lsn` (pg::ExportingSlot). Returns once the holders have it and every transaction
  /// that it takes for committed has ended for other sessions too (wait_until_settled()).
  static SnapshotHolders take_exported(Connect connect, std::vector<LockTarget> targets,
                                       const std::string& exported_id, Lsn lsn,
                                       const Waiting& waiting);

  /// Takes over the snapshot of sessions that still live: those of a process that paused with
  /// `--hold`. The locks are taken first, while the former holders still have theirs. None if no
  /// such session lives, or its snapshot is not the expected one.
  static std::optional<SnapshotHolders> adopt(Connect connect, std::vector<LockTarget> targets,
                                              const Snapshot& expected,
                                              const std::vector<Holder>& former, Locking locking);

  [[nodiscard]] const Snapshot& snapshot() const { return m_snapshot; }
  [[nodiscard]] std::vector<Holder> holders() const;

  /// Looks after the holders: replaces one that died from the other. True if the ids have changed.
  /// Throws Error (snapshot) once none lives.
  bool tend();

 private:
  struct Session {
    pg::Connection connection;
    Holder holder;
  };
  SnapshotHolders(Connect connect, std::vector<LockTarget> targets, Snapshot snapshot);
  void hold_all(const std::string& exported_id);
  void wait_until_flushed(pg::Connection& session, const Waiting& waiting) const;
  std::string next_role();
  Session hold(const std::string& exported_id, const std::string& role, Locking locking);

  Connect m_connect;
  std::vector<LockTarget> m_targets;
  Snapshot m_snapshot;
  std::vector<Session> m_sessions;
  std::chrono::steady_clock::time_point m_next_try{};
  int m_made = 0;
};

}  // namespace pgstride::handoff
