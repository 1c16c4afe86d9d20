#include "handoff/slot.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

namespace pgstride::handoff {

std::optional<SlotFacts> read_slot(pg::Connection& connection, const std::string& name) {
  const auto result = connection.query(R"sql(
    SELECT coalesce(s.plugin, ''), coalesce(s.database, ''), s.active,
           coalesce(s.active_pid, 0),
           coalesce(s.confirmed_flush_lsn, '0/0'), coalesce(s.wal_status, ''),
           coalesce(pg_catalog.to_jsonb(s) ->> 'invalidation_reason', ''),
           coalesce(pg_catalog.pg_wal_lsn_diff(
             CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                  ELSE pg_catalog.pg_current_wal_lsn() END, s.restart_lsn), 0)::pg_catalog.int8,
           (SELECT setting::pg_catalog.int8 * 1024 * 1024 FROM pg_catalog.pg_settings
             WHERE name = 'max_slot_wal_keep_size' AND setting <> '-1')
      FROM pg_catalog.pg_replication_slots s
     WHERE s.slot_name = $1
  )sql",
                                       {name});
  if (result.rows() == 0) {
    return std::nullopt;
  }
  SlotFacts facts;
  facts.plugin = result.text(0, 0);
  facts.database = result.text(0, 1);
  facts.active = result.boolean(0, 2);
  facts.active_pid = static_cast<int>(result.int64(0, 3));
  facts.confirmed_flush = Lsn::parse(result.get(0, 4));
  facts.wal_status = result.text(0, 5);
  facts.invalid = result.text(0, 6);
  facts.held_bytes = std::max<std::int64_t>(result.int64(0, 7), 0);
  if (!result.is_null(0, 8)) {
    facts.limit_bytes = result.int64(0, 8);
  }
  return facts;
}

void check_slot_source(pg::Connection& connection, bool failover) {
  const auto result = connection.exec(R"sql(
    SELECT pg_catalog.current_setting('wal_level'), pg_catalog.pg_is_in_recovery(),
           rolsuper OR rolreplication, rolname
      FROM pg_catalog.pg_roles WHERE rolname = current_user
  )sql");
  if (result.boolean(0, 1)) {
    throw Error(ErrorKind::usage, "the source is a standby: publications can't be made there",
                "give the primary as --source");
  }
  if (result.get(0, 0) != "logical") {
    throw Error(ErrorKind::usage,
                fmt::format("--slot: wal_level is {}, a slot needs logical", result.get(0, 0)),
                "ALTER SYSTEM SET wal_level = 'logical', then restart the server");
  }
  if (!result.boolean(0, 2)) {
    throw Error(ErrorKind::usage,
                fmt::format("--slot: role {} may not make a slot", result.get(0, 3)),
                fmt::format("ALTER ROLE {} REPLICATION", result.get(0, 3)));
  }
  if (failover && connection.server_version() < 170000) {
    throw Error(ErrorKind::usage,
                fmt::format("--slot-failover needs PostgreSQL 17, the source is {}",
                            connection.server_version() / 10000));
  }
}

// ReplicationSlotValidateName().
void check_slot_name(const std::string& name) {
  constexpr std::size_t k_most = 63;
  const bool legal =
      !name.empty() && name.size() <= k_most && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      });
  if (!legal) {
    throw Error(ErrorKind::usage, fmt::format("--slot: \"{}\" can't be a slot's name", name),
                "PostgreSQL takes at most 63 lower-case letters, digits and underscores");
  }
}

bool drop_slot(pg::Connection& connection, const std::string& name) {
  try {
    connection.query("SELECT pg_catalog.pg_drop_replication_slot($1)", {name});
    return true;
  } catch (const Error& error) {
    if (error.sqlstate() != "42704") {
      throw;
    }
    return false;
  }
}

void end_sessions_named(pg::Connection& connection, const std::string& application_name) {
  for (;;) {
    const auto left = connection.query(R"sql(
      SELECT pg_catalog.pg_terminate_backend(pid)
        FROM pg_catalog.pg_stat_activity
       WHERE application_name = $1 AND pid <> pg_catalog.pg_backend_pid()
    )sql",
                                       {application_name});
    if (left.rows() == 0) {
      return;
    }
    if (connection.cancel_token().stop_requested()) {
      throw Error(ErrorKind::stopped, "stopped while sessions of an earlier run ended");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::string snapshot_bug(int server_version) {
  // 15.20 has the fix; minor versions of one day: 14.n+5, 16.n-4, 17.n-8, 18.n-14.
  const int major = server_version / 10000;
  const int minor = server_version % 10000;
  const int fixed = major == 14   ? 25
                    : major == 15 ? 20
                    : major == 16 ? 16
                    : major == 17 ? 12
                    : major == 18 ? 6
                                  : 0;
  if (minor >= fixed) {
    return "";
  }
  return fmt::format("PostgreSQL {}.{} can hide rows of transactions that end while a slot's "
                     "snapshot is first read",
                     major, minor);
}

}  // namespace pgstride::handoff
