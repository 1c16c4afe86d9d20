// A logical slot as the source's server sees it: whether it can be made, how much WAL it holds,
// whether it is lost. Uses the given connection on the calling thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pg/connection.hpp"
#include "pgstride/lsn.hpp"

namespace pgstride::handoff {

struct SlotFacts {
  std::string plugin;
  std::string database;
  bool active = false;
  int active_pid = 0;  ///< 0 if it is not active
  Lsn confirmed_flush;
  std::string wal_status;       ///< reserved, extended, unreserved, lost; empty if not known
  std::string invalid;          ///< why the server gave it up (17 and later), else empty
  std::int64_t held_bytes = 0;  ///< of WAL, from its restart position to the end
  std::optional<std::int64_t> limit_bytes;  ///< max_slot_wal_keep_size; none: no limit

  [[nodiscard]] bool lost() const { return wal_status == "lost" || !invalid.empty(); }
};

/// None if there is no such slot. Other databases' slots count too.
std::optional<SlotFacts> read_slot(pg::Connection& connection, const std::string& name);

/// Throws Error (usage) where the server or the role can't have a logical slot: wal_level, a
/// standby, REPLICATION, and with `failover` a version before 17.
void check_slot_source(pg::Connection& connection, bool failover);

/// Throws Error (usage) unless it is a legal name of a slot.
void check_slot_name(const std::string& name);

/// False if it is not there. Throws Error (server, 55006) if somebody reads from it.
bool drop_slot(pg::Connection& connection, const std::string& name);

/// Ends sessions of a dead process that may still be making a slot, told by their application
/// name, and waits until they are gone: afterwards the slot is there, or never will be.
void end_sessions_named(pg::Connection& connection, const std::string& application_name);

/// A sentence on servers whose exported snapshots can set wrong hint bits unless they are guarded;
/// empty for others. `server_version` as Connection::server_version().
std::string snapshot_bug(int server_version);

}  // namespace pgstride::handoff
