#include "handoff/snapshot.hpp"

#include <algorithm>
#include <sstream>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "handoff/guard.hpp"
#include "pg/quote.hpp"

namespace pgstride::handoff {

namespace {

constexpr std::size_t k_holders = 2;
constexpr std::chrono::seconds k_replace_every{1};

std::string part(const std::string& text, std::size_t index) {
  std::istringstream in(text);
  std::string piece;
  for (std::size_t i = 0; i <= index; ++i) {
    std::getline(in, piece, ':');
  }
  return piece;
}

// The snapshot's rows are safe only if nobody could rewrite a table after it was taken.
void lock_all(pg::Connection& connection, const std::vector<LockTarget>& targets, Locking locking) {
  for (const auto& failure : lock_tables(connection, targets)) {
    const bool in_the_way = failure.error.kind() == ErrorKind::lock;
    if (locking == Locking::all || (locking == Locking::wait_for_others && in_the_way)) {
      throw failure.error;
    }
  }
}

// The WAL writer would come by within 200 ms (wal_writer_delay); a small commit of our own that
// waits for its flush, on this server only, takes what is before it along. Where the message is not
// allowed, an empty commit wakes the WAL writer.
void push_flush(pg::Connection& session) {
  try {
    session.exec("SET synchronous_commit = 'local';"
                 "SELECT pg_catalog.pg_logical_emit_message(true, 'pgstride', '')");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::server || error.poisons_connection()) {
      throw;
    }
    session.exec("SELECT pg_catalog.pg_current_xact_id()");
  }
}

void import_snapshot(pg::Connection& connection, const std::string& exported_id) {
  connection.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT " +
                  pg::quote_literal(exported_id));
}

std::string current_snapshot(pg::Connection& connection) {
  return connection.exec("SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text").text(0, 0);
}

Holder export_from(pg::Connection& connection) {
  const auto result = connection.exec(R"sql(
    SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_backend_pid(),
           (SELECT backend_start::pg_catalog.text FROM pg_catalog.pg_stat_activity
             WHERE pid = pg_catalog.pg_backend_pid())
  )sql");
  return {result.text(0, 0), static_cast<int>(result.int64(0, 1)), result.text(0, 2)};
}

}  // namespace

std::string Snapshot::xmin() const {
  return part(text, 0);
}

std::string Snapshot::xmax() const {
  return part(text, 1);
}

std::string to_text(const std::vector<Holder>& holders) {
  std::string out;
  for (const auto& holder : holders) {
    out += fmt::format("{}|{}|{}\n", holder.exported_id, holder.pid, holder.backend_start);
  }
  return out;
}

std::vector<Holder> parse_holders(const std::string& text) {
  std::vector<Holder> holders;
  std::istringstream in(text);
  std::string line;
  while (std::getline(in, line)) {
    const auto first = line.find('|');
    const auto second = line.find('|', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    holders.push_back({line.substr(0, first),
                       std::atoi(line.substr(first + 1, second - first - 1).c_str()),
                       line.substr(second + 1)});
  }
  return holders;
}

SnapshotHolders::SnapshotHolders(Connect connect, std::vector<LockTarget> targets,
                                 Snapshot snapshot)
    : m_connect(std::move(connect)), m_targets(std::move(targets)),
      m_snapshot(std::move(snapshot)) {}

std::string SnapshotHolders::next_role() {
  return fmt::format("{}{}", k_holder_role, ++m_made);
}

SnapshotHolders::Session SnapshotHolders::hold(const std::string& exported_id,
                                               const std::string& role, Locking locking) {
  auto connection = m_connect(role);
  import_snapshot(connection, exported_id);
  const auto text = current_snapshot(connection);
  if (text != m_snapshot.text) {
    throw Error(ErrorKind::snapshot, fmt::format("the imported snapshot is {}, not the job's {}",
                                                 text, m_snapshot.text));
  }
  const auto holder = export_from(connection);  // before any savepoint: refused inside one
  lock_all(connection, m_targets, locking);
  return {std::move(connection), holder};
}

SnapshotHolders SnapshotHolders::take(Connect connect, std::vector<LockTarget> targets,
                                      const Waiting& waiting) {
  auto taker = connect("snapshot");
  auto snapshot = take_guarded_snapshot(taker, waiting);
  const auto first = export_from(taker);
  SnapshotHolders holders(std::move(connect), std::move(targets), std::move(snapshot));
  holders.hold_all(first.exported_id);
  taker.exec("COMMIT");
  holders.wait_until_flushed(taker, waiting);
  return holders;
}

SnapshotHolders SnapshotHolders::take_exported(Connect connect, std::vector<LockTarget> targets,
                                               const std::string& exported_id, Lsn lsn,
                                               const Waiting& waiting) {
  // A slot's snapshot shows what committed below its consistent point, and no more.
  Snapshot snapshot{lsn, lsn, ""};
  {
    auto reader = connect("snapshot");
    import_snapshot(reader, exported_id);
    snapshot.text = current_snapshot(reader);
  }
  SnapshotHolders holders(std::move(connect), std::move(targets), std::move(snapshot));
  holders.hold_all(exported_id);
  auto session = holders.m_connect("guard");
  wait_until_settled(session, holders.m_snapshot.text, waiting);
  holders.wait_until_flushed(session, waiting);
  return holders;
}

void SnapshotHolders::hold_all(const std::string& exported_id) {
  while (m_sessions.size() < k_holders) {
    m_sessions.push_back(hold(exported_id, next_role(), Locking::all));
  }
}

std::optional<SnapshotHolders>
SnapshotHolders::adopt(Connect connect, std::vector<LockTarget> targets, const Snapshot& expected,
                       const std::vector<Holder>& former, Locking locking) {
  SnapshotHolders holders(std::move(connect), std::move(targets), expected);
  for (const auto& holder : former) {
    try {
      // The former session must live and be the very one: ids and pids may come again after a
      // crash.
      auto probe = holders.m_connect("adopt");
      const auto alive = probe.query(
          R"sql(
        SELECT 1 FROM pg_catalog.pg_stat_activity
         WHERE pid = $1::pg_catalog.int4 AND backend_start = $2::pg_catalog.timestamptz
      )sql",
          {std::to_string(holder.pid), holder.backend_start});
      if (alive.rows() == 0) {
        continue;
      }
      while (holders.m_sessions.size() < k_holders) {
        holders.m_sessions.push_back(
            holders.hold(holder.exported_id, holders.next_role(), locking));
      }
      // Still there after our locks were had: nobody came in between.
      if (probe
              .query("SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = $1::pg_catalog.int4 "
                     "AND backend_start = $2::pg_catalog.timestamptz",
                     {std::to_string(holder.pid), holder.backend_start})
              .rows() == 1) {
        return holders;
      }
      holders.m_sessions.clear();
    } catch (const Error& error) {
      holders.m_sessions.clear();
      if (error.kind() != ErrorKind::server && error.kind() != ErrorKind::snapshot) {
        throw;  // a lock in the way, a lost connection: it may work in a moment
      }
    }
  }
  return std::nullopt;
}

std::vector<Holder> SnapshotHolders::holders() const {
  std::vector<Holder> out;
  for (const auto& session : m_sessions) {
    out.push_back(session.holder);
  }
  return out;
}

bool SnapshotHolders::tend() {
  const auto dead = std::erase_if(
      m_sessions, [](Session& session) { return !session.connection.still_connected(); });
  if (m_sessions.empty()) {
    throw Error(ErrorKind::snapshot, "the snapshot is gone: both sessions that held it have ended");
  }
  const auto now = std::chrono::steady_clock::now();
  if (m_sessions.size() >= k_holders || now < m_next_try) {
    return dead > 0;
  }
  m_next_try = now + k_replace_every;
  try {
    m_sessions.push_back(
        hold(m_sessions.front().holder.exported_id, next_role(), Locking::those_free));
    return true;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::stopped) {
      throw;
    }
    return dead > 0;  // one still holds it; the next call tries again
  }
}

void SnapshotHolders::wait_until_flushed(pg::Connection& session, const Waiting& waiting) const {
  auto tell_at = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  std::chrono::milliseconds wait{0};
  while (!is_flushed(session, m_snapshot.end_lsn)) {
    if (std::chrono::steady_clock::now() >= tell_at) {
      waiting(fmt::format("waiting for the source to flush its WAL up to {}",
                          m_snapshot.end_lsn.text()),
              "rows of asynchronous commits are safe only then");
      tell_at = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    }
    if (session.cancel_token().stop_requested()) {
      throw Error(ErrorKind::stopped, "stopped while waiting for the source's WAL to be flushed");
    }
    push_flush(session);
    std::this_thread::sleep_for(wait);
    wait = std::chrono::milliseconds(5);
  }
}

}  // namespace pgstride::handoff
