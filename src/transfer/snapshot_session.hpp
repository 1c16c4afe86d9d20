// A worker's session with the source: under the job's snapshot, its tables locked and looked at.
// Belongs to the worker's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "pg/connection.hpp"
#include "transfer/snapshot_board.hpp"
#include "transfer/task.hpp"
#include "transfer/worker_settings.hpp"

namespace pgstride::transfer {

class SnapshotSession {
 public:
  SnapshotSession(int number, const WorkerSettings& settings, SnapshotBoard& board);

  /// The session, in the job's snapshot and with the table locked; connects where it must. Throws
  /// Error: snapshot where that snapshot can't be had any more, or the table is not the one it
  /// shows; connection, server, stopped.
  pg::Connection& ready(const LockedTable& table);

  /// After an error: the transaction is ended, and with it the connection where that must be.
  void reset(const Error& error) noexcept;

 private:
  void ensure_session();
  bool import_snapshot(const std::string& exported_id);
  void lock_ahead();
  void ensure_locked(const LockedTable& table);
  bool is_untouched(const LockedTable& table);

  int m_number;
  const WorkerSettings& m_settings;
  SnapshotBoard& m_board;
  std::optional<pg::Connection> m_connection;
  bool m_in_snapshot = false;
  std::set<std::uint32_t> m_locked;  ///< oids locked in the open transaction
};

}  // namespace pgstride::transfer
