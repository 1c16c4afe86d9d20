// A logical slot with its exported snapshot, made over a replication connection (documentation,
// 55.4; correctness.md, 1). Belongs to one thread.
#pragma once

#include <functional>
#include <string>

#include "pg/connection.hpp"
#include "pgstride/lsn.hpp"

namespace pgstride::pg {

struct SlotRequest {
  std::string name;
  std::string plugin = "pgoutput";
  bool temporary = false;  ///< ends with the connection
  bool failover = false;   ///< kept on standbys too: servers from 17 on
};

/// Makes a slot and keeps the connection that exports its snapshot. The snapshot can be imported
/// until the object ends; sessions that have imported it keep it. A temporary slot ends with the
/// object.
class ExportingSlot {
 public:
  /// Connects with `replication=database` and makes the slot, which waits for all transactions
  /// that are running; a stop ends that without a slot. Throws Error: server (55000: wal_level;
  /// 53400: no slot free; 42710: the name is taken; 42501), connection, stopped.
  /// While it waits, `waiting` is called every second; what that throws ends the wait here, but not
  /// on the server (its session is to be ended).
  ExportingSlot(ConnectOptions options, const SlotRequest& request,
                const std::function<void()>& waiting);

  /// All that committed below it is in the snapshot and nothing else is; changes from it on are in
  /// the slot.
  [[nodiscard]] Lsn consistent_point() const { return m_consistent_point; }
  /// For SET TRANSACTION SNAPSHOT.
  [[nodiscard]] const std::string& snapshot_id() const { return m_snapshot_id; }
  [[nodiscard]] int backend_pid() const { return m_connection.backend_pid(); }

 private:
  Connection m_connection;
  Lsn m_consistent_point;
  std::string m_snapshot_id;
};

/// The statement that makes a slot and exports its snapshot, in the grammar of the server's
/// version (as Connection::server_version()).
std::string create_slot_statement(const SlotRequest& request, int server_version);

}  // namespace pgstride::pg
