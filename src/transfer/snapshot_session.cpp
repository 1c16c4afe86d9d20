#include "transfer/snapshot_session.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/backoff.hpp"
#include "pg/copy_reader.hpp"
#include "pg/quote.hpp"

namespace pgstride::transfer {

namespace {

constexpr int k_looks_for_snapshot = 10;
constexpr std::chrono::milliseconds k_between_looks{200};

}  // namespace

SnapshotSession::SnapshotSession(int number, const WorkerSettings& settings, SnapshotBoard& board)
    : m_number(number), m_settings(settings), m_board(board) {}

pg::Connection& SnapshotSession::ready(const LockedTable& table) {
  ensure_session();
  ensure_locked(table);
  return *m_connection;
}

void SnapshotSession::ensure_session() {
  if (m_connection && m_connection->still_connected() && m_in_snapshot) {
    return;
  }
  m_in_snapshot = false;
  m_locked.clear();
  if (!m_connection || !m_connection->usable()) {
    m_connection.reset();
    m_connection.emplace(pg::ConnectOptions{
        m_settings.conninfo, fmt::format("pgstride/{}/w{}", m_settings.job, m_number),
        m_settings.stop.cancel, m_settings.statement_timeout});
    pg::enlarge_input_buffer(*m_connection);
  }
  m_connection->abandon_transaction();
  // A holder that just died is replaced by the job's thread within a tick or two: look again.
  for (int look = 0; look < k_looks_for_snapshot && !m_board.lost(); ++look) {
    for (const auto& id : m_board.ids()) {
      if (import_snapshot(id)) {
        m_in_snapshot = true;
        lock_ahead();
        return;
      }
    }
    sleep_for(k_between_looks, m_settings.stop.cancel);
  }
  throw Error(ErrorKind::snapshot, "the job's snapshot can't be imported any more");
}

bool SnapshotSession::import_snapshot(const std::string& exported_id) {
  try {
    m_connection->exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                       "SET TRANSACTION SNAPSHOT " +
                       pg::quote_literal(exported_id));
    // An id can come again after a crash of the server: the snapshot itself must be the job's.
    if (m_connection->exec("SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text").get(0, 0) ==
        m_board.text()) {
      return true;
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::server || error.poisons_connection()) {
      throw;
    }
  }
  m_connection->abandon_transaction();
  return false;
}

void SnapshotSession::lock_ahead() {
  if (m_settings.tables.empty()) {
    return;
  }
  std::string sql = "SAVEPOINT ahead;";
  for (const auto& table : m_settings.tables) {
    sql += table.lock_sql + ";";
  }
  try {
    m_connection->exec(sql + "RELEASE SAVEPOINT ahead");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::server || error.poisons_connection()) {
      throw;
    }
    // Somebody is in the way of one: each is locked when its first chunk comes.
    m_connection->exec("ROLLBACK TO SAVEPOINT ahead; RELEASE SAVEPOINT ahead");
    return;
  }
  for (const auto& table : m_settings.tables) {
    if (is_untouched(table)) {
      m_locked.insert(table.oid);
    }
  }
}

void SnapshotSession::ensure_locked(const LockedTable& table) {
  if (m_locked.contains(table.oid)) {
    return;
  }
  m_connection->exec(table.lock_sql);
  if (!is_untouched(table)) {
    throw Error(
        ErrorKind::snapshot,
        fmt::format("table {} was rewritten, truncated or renamed after the snapshot", table.name));
  }
  m_locked.insert(table.oid);
}

// The holders' locks keep the table as it was at the snapshot; where they don't (both have died
// just now, or the table could not be locked then), only this look tells whether somebody rewrote
// or emptied it, or gave its name to another, in between (correctness.md, 6).
bool SnapshotSession::is_untouched(const LockedTable& table) {
  const auto now = m_connection->query(
      R"sql(
    SELECT pg_catalog.pg_relation_filenode(c.oid)::pg_catalog.text
      FROM pg_catalog.pg_class c
     WHERE c.oid = pg_catalog.to_regclass($1)::pg_catalog.oid AND c.oid = $2::pg_catalog.oid
  )sql",
      {table.name, std::to_string(table.oid)});
  return now.rows() == 1 &&
         (table.relfilenode == 0 || now.optional(0, 0) == std::to_string(table.relfilenode));
}

void SnapshotSession::reset(const Error& error) noexcept {
  m_in_snapshot = false;
  m_locked.clear();
  if (!m_connection) {
    return;
  }
  if (error.poisons_connection() || error.kind() == ErrorKind::internal ||
      !m_connection->usable()) {
    m_connection.reset();
    return;
  }
  m_connection->abandon_transaction();
}

}  // namespace pgstride::transfer
