#include "handoff/guard.hpp"

#include <thread>

#include <fmt/format.h>

namespace pgstride::handoff {

namespace {

constexpr std::chrono::milliseconds k_first_wait{1};
constexpr std::chrono::milliseconds k_longest_wait{200};
constexpr std::chrono::seconds k_look_every{1};

}  // namespace

std::string older_transactions(pg::Connection& session, const std::string& xid) {
  const auto result = session.query(
      R"sql(
    SELECT pg_catalog.string_agg(who, '; ')
      FROM (SELECT pg_catalog.format('pid %s (%s, %s for %s s): %s', pid, usename, state,
                     pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - xact_start)),
                     pg_catalog.left(query, 80)) AS who
              FROM pg_catalog.pg_stat_activity
             WHERE backend_xid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()
               AND pg_catalog.age(backend_xid) >= pg_catalog.age(($1::pg_catalog.xid8)::pg_catalog.xid)
            UNION ALL
            SELECT pg_catalog.format('prepared transaction %L of %s, since %s', gid, owner, prepared)
              FROM pg_catalog.pg_prepared_xacts
             LIMIT 5) AS blockers
  )sql",
      {xid});
  return result.optional(0, 0).value_or("a transaction that can't be named");
}

namespace {

Lsn current_lsn(pg::Connection& session, bool standby) {
  const auto result = session.exec(standby ? "SELECT pg_catalog.pg_last_wal_replay_lsn()"
                                           : "SELECT pg_catalog.pg_current_wal_insert_lsn()");
  return Lsn::parse(result.get(0, 0));
}

}  // namespace

Snapshot take_guarded_snapshot(pg::Connection& session, const Waiting& waiting) {
  const bool standby = session.exec("SELECT pg_catalog.pg_is_in_recovery()").boolean(0, 0);
  Snapshot snapshot;
  snapshot.lsn = current_lsn(session, standby);
  std::string x = "0";
  if (!standby) {
    // A statement of its own, after the position was read: the order is the proof.
    x = session.exec("SELECT pg_catalog.pg_current_xact_id()").text(0, 0);
  }
  auto wait = k_first_wait;
  auto look_at = std::chrono::steady_clock::now() + k_look_every;
  for (;;) {
    session.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const auto result = session.query(
        R"sql(
      SELECT pg_catalog.pg_snapshot_xmin(s) >= $1::pg_catalog.xid8, s::pg_catalog.text
        FROM pg_catalog.pg_current_snapshot() AS s
    )sql",
        {x});
    if (result.boolean(0, 0)) {
      snapshot.text = result.text(0, 1);
      break;
    }
    session.exec("ROLLBACK");
    if (std::chrono::steady_clock::now() >= look_at) {
      waiting("waiting for older transactions before the snapshot: " +
                  older_transactions(session, x),
              "the start position is exact only once they have ended; end them or wait");
      look_at = std::chrono::steady_clock::now() + k_look_every;
    }
    if (session.cancel_token().stop_requested()) {
      throw Error(ErrorKind::stopped, "stopped while waiting for older transactions");
    }
    std::this_thread::sleep_for(wait);
    wait = std::min(wait * 2, k_longest_wait);
  }
  snapshot.end_lsn = current_lsn(session, standby);
  return snapshot;
}

void wait_until_settled(pg::Connection& session, const std::string& snapshot,
                        const Waiting& waiting) {
  auto wait = k_first_wait;
  auto look_at = std::chrono::steady_clock::now() + k_look_every;
  for (;;) {
    // Running are those that a fresh snapshot lists, and all from its xmax on: the imported one,
    // which was put together from WAL, may be ahead of it.
    const auto result = session.query(R"sql(
      SELECT pg_catalog.string_agg(coalesce('pid ' || a.pid || ' (' || coalesce(a.wait_event, a.state) || ')',
                                            'transaction ' || running.x), ', ')
        FROM pg_catalog.pg_current_snapshot() AS fresh,
             LATERAL (SELECT x FROM pg_catalog.pg_snapshot_xip(fresh) AS x
                       UNION ALL
                      SELECT n::pg_catalog.text::pg_catalog.xid8
                        FROM pg_catalog.generate_series(
                               pg_catalog.pg_snapshot_xmax(fresh)::pg_catalog.text::pg_catalog.int8,
                               pg_catalog.pg_snapshot_xmax($1::pg_catalog.pg_snapshot)
                                 ::pg_catalog.text::pg_catalog.int8 - 1) AS n) AS running
        LEFT JOIN pg_catalog.pg_stat_activity a
          ON a.backend_xid = running.x::pg_catalog.xid
       WHERE pg_catalog.pg_visible_in_snapshot(running.x, $1::pg_catalog.pg_snapshot)
    )sql",
                                      {snapshot});
    if (result.is_null(0, 0)) {
      return;
    }
    if (std::chrono::steady_clock::now() >= look_at) {
      waiting("waiting for transactions that have committed but not yet ended: " +
                  result.text(0, 0),
              "one that waits for a synchronous standby ends when that answers");
      look_at = std::chrono::steady_clock::now() + k_look_every;
    }
    if (session.cancel_token().stop_requested()) {
      throw Error(ErrorKind::stopped, "stopped while waiting for transactions to end");
    }
    std::this_thread::sleep_for(wait);
    wait = std::min(wait * 2, k_longest_wait);
  }
}

bool is_flushed(pg::Connection& session, Lsn lsn) {
  // The insert position steps over a page header as soon as a page is full, the flush position does
  // not: a position within a header (at most 40 bytes, SizeOfXLogLongPHD) means the page's start.
  constexpr std::uint64_t k_page = 8192;
  constexpr std::uint64_t k_header = 40;
  if (lsn.value % k_page <= k_header) {
    lsn.value -= lsn.value % k_page;
  }
  return session
      .query(R"sql(
    SELECT pg_catalog.pg_is_in_recovery()
           OR pg_catalog.pg_current_wal_flush_lsn() >= $1::pg_catalog.pg_lsn
  )sql",
             {lsn.text()})
      .boolean(0, 0);
}

}  // namespace pgstride::handoff
