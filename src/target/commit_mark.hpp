// Marks of transactions that are about to commit: by them a server that runs on can be asked later
// what became of a commit that was not heard of (pg_xact_status; correctness.md, 5). Functions; the
// given connections on the calling thread.
//
// By itself an xid proves nothing, as what a crash takes back is given out again (access/transam/
// varsup.c). So a mark is made durable on the server before it is stored, and stored before COMMIT
// is sent: what has no mark can't have been committed. The answer `committed` is believed only of
// the same start of the server, since one that was restored from files may have given the xid to
// somebody else. `aborted` is always believed: whoever has the xid now, rows of the first are not
// there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "pg/connection.hpp"
#include "pgstride/lsn.hpp"

namespace pgstride::target {

/// What tells a server from others, and from an older state of itself.
struct ServerState {
  std::string system_identifier;
  std::int64_t timeline = 0;   ///< of the WAL that is written now
  std::string started;         ///< when, in microseconds since 1970
  Lsn flushed;                 ///< WAL that a crash can't take back
  std::uint64_t next_xid = 0;  ///< above all that have ended

  bool same_start(const ServerState& other) const;
};

/// Throws Error as the server does; connection if it is in recovery.
ServerState server_state(pg::Connection& connection);

/// A transaction that is about to be committed.
struct CommitMark {
  std::uint64_t xid = 0;
  Lsn lsn;  ///< of a record with the xid, which is on disk
  std::string system_identifier;
  std::int64_t timeline = 0;
  std::string started;

  /// For the checkpoint.
  [[nodiscard]] std::string text() const;
  /// Throws Error (checkpoint) for what is no mark.
  static CommitMark parse(const std::string& text);
};

/// Makes marks. `keeper` is another session of the same server, in no transaction: its own commits
/// bring WAL to disk.
class CommitMarker {
 public:
  explicit CommitMarker(pg::Connection keeper);

  /// In the transaction, as its last statement but COMMIT. Throws Error: connection if the keeper's
  /// session is gone, or is one of another server or start of it; server.
  CommitMark mark(pg::Connection& loading);
  /// Looks without waiting.
  bool usable() { return m_keeper.still_connected(); }
  /// Of the keeper, when it came.
  [[nodiscard]] const ServerState& server() const { return m_state; }

 private:
  pg::Connection m_keeper;
  ServerState m_state;  ///< as long as the session lives, but for its positions
};

/// Why a server is not the one that a mark was made on; empty if it is.
std::string not_the_same(const ServerState& now, const CommitMark& mark);
/// True if the server has lost what was on its disk when the mark was made. Where a backup was
/// restored and more was written since than was lost by it, nothing tells.
bool has_lost(const ServerState& now, const CommitMark& mark);
inline constexpr const char* k_lost =
    "the server has lost what was on its disk: it was restored from a backup";

enum class CommitOutcome {
  committed,
  aborted,
  running,  ///< to be asked again: its backend lives on, perhaps without its client
  unknown
};

struct CommitAnswer {
  CommitOutcome outcome = CommitOutcome::unknown;
  std::string reason;  ///< of unknown: why it can't be told; of running: who it is
};

/// Asks a session in no transaction.
CommitAnswer outcome_of(pg::Connection& connection, const CommitMark& mark);

/// Asks until the transaction has ended. `waiting` is told once who is waited for. Throws Error:
/// stopped by the connection's token; as the server does.
CommitAnswer await_outcome(pg::Connection& connection, const CommitMark& mark,
                           const std::function<void(const std::string& who)>& waiting);

}  // namespace pgstride::target
