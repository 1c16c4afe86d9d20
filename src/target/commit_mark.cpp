#include "target/commit_mark.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/backoff.hpp"

namespace pgstride::target {

namespace {

// pg_control_checkpoint() tells a new timeline only after its first checkpoint.
constexpr const char* k_state = R"sql(
    (SELECT system_identifier FROM pg_catalog.pg_control_system()),
    ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))
      ::pg_catalog.bit(32)::pg_catalog.int8,
    (1e6 * extract(epoch FROM pg_catalog.pg_postmaster_start_time()))::pg_catalog.int8,
    pg_catalog.pg_current_wal_flush_lsn(),
    pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
)sql";

std::uint64_t xid_of(std::string_view text) {
  std::uint64_t xid = 0;
  std::from_chars(text.data(), text.data() + text.size(), xid);
  return xid;
}

ServerState read_state(const pg::Result& result) {
  return {result.text(0, 0), result.int64(0, 1), result.text(0, 2), Lsn::parse(result.get(0, 3)),
          xid_of(result.get(0, 4))};
}

std::string who_runs(pg::Connection& connection, const CommitMark& mark) {
  const auto found = connection.query(R"sql(
    SELECT pg_catalog.string_agg(pg_catalog.format('%s (%s)', a.pid, a.application_name), ', ')
      FROM pg_catalog.pg_stat_activity a
     WHERE a.backend_xid = pg_catalog.xid($1::pg_catalog.xid8))sql",
                                      {std::to_string(mark.xid)});
  return found.optional(0, 0).value_or("a session that can't be seen");
}

// None: the server does not know the transaction yet, or not any more.
std::optional<std::string> status_of(pg::Connection& connection, const CommitMark& mark) {
  try {
    return connection
        .query("SELECT coalesce(pg_catalog.pg_xact_status($1::pg_catalog.xid8), 'too old')",
               {std::to_string(mark.xid)})
        .text(0, 0);
  } catch (const Error& error) {
    constexpr const char* k_in_the_future = "22023";
    if (error.sqlstate() != k_in_the_future) {
      throw;
    }
    return std::nullopt;
  }
}

}  // namespace

bool ServerState::same_start(const ServerState& other) const {
  return system_identifier == other.system_identifier && timeline == other.timeline &&
         started == other.started;
}

ServerState server_state(pg::Connection& connection) {
  return read_state(connection.exec(fmt::format("SELECT {}", k_state)));
}

std::string CommitMark::text() const {
  return fmt::format("{}|{}|{}|{}|{}", xid, lsn.text(), system_identifier, timeline, started);
}

CommitMark CommitMark::parse(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('|', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  CommitMark mark;
  if (parts.size() != 5 || (mark.xid = xid_of(parts[0])) == 0) {
    throw Error(ErrorKind::checkpoint, fmt::format("\"{}\" is no mark of a transaction", text));
  }
  mark.lsn = Lsn::parse(parts[1]);
  mark.system_identifier = parts[2];
  mark.timeline = static_cast<std::int64_t>(xid_of(parts[3]));
  mark.started = parts[4];
  return mark;
}

CommitMarker::CommitMarker(pg::Connection keeper)
    : m_keeper(std::move(keeper)), m_state(server_state(m_keeper)) {}

CommitMark CommitMarker::mark(pg::Connection& loading) {
  // The message is a record with the xid, also where all else of the transaction leaves no WAL.
  const auto marked = loading.exec(fmt::format(R"sql(
    WITH message AS MATERIALIZED (
      SELECT pg_catalog.pg_logical_emit_message(true, 'pgstride', '') AS lsn)
    SELECT {}, lsn, pg_catalog.pg_current_xact_id() FROM message)sql",
                                               k_state));
  // Its commit flushes all WAL before it. One that was cancelled has left its block. A message
  // without a transaction would not be flushed.
  m_keeper.abandon_transaction();
  m_keeper.exec("BEGIN; SET LOCAL synchronous_commit = 'local'; "
                "SELECT pg_catalog.pg_logical_emit_message(true, 'pgstride', ''); COMMIT");
  const auto state = read_state(marked);
  if (!state.same_start(m_state)) {
    m_keeper.close();
    throw Error(ErrorKind::connection, "two sessions of the target came to different servers",
                "name one server in --target");
  }
  return {xid_of(marked.get(0, 6)), Lsn::parse(marked.get(0, 5)), state.system_identifier,
          state.timeline, state.started};
}

std::string not_the_same(const ServerState& now, const CommitMark& mark) {
  if (now.system_identifier != mark.system_identifier) {
    return "it is another server than the one that was loaded";
  }
  if (now.timeline != mark.timeline) {
    return fmt::format(
        "the server is on timeline {} instead of {}: a standby took its place, or it "
        "was restored from a backup",
        now.timeline, mark.timeline);
  }
  return "";
}

bool has_lost(const ServerState& now, const CommitMark& mark) {
  return now.flushed < mark.lsn;
}

CommitAnswer outcome_of(pg::Connection& connection, const CommitMark& mark) {
  const auto now = server_state(connection);
  if (auto why = not_the_same(now, mark); !why.empty()) {
    return {CommitOutcome::unknown, why};
  }
  if (has_lost(now, mark)) {
    return {CommitOutcome::unknown, k_lost};
  }
  const auto status = status_of(connection, mark);
  if (!status) {
    return {CommitOutcome::unknown, k_lost};
  }
  if (*status == "aborted") {
    return {CommitOutcome::aborted, ""};
  }
  if (*status == "in progress") {
    return {CommitOutcome::running, who_runs(connection, mark)};
  }
  if (*status != "committed") {
    return {CommitOutcome::unknown, "it was too long ago for the server to know"};
  }
  if (now.started != mark.started) {
    return {CommitOutcome::unknown,
            "the server was restarted between the commit and its answer, perhaps from a backup"};
  }
  return {CommitOutcome::committed, ""};
}

CommitAnswer await_outcome(pg::Connection& connection, const CommitMark& mark,
                           const std::function<void(const std::string& who)>& waiting) {
  constexpr auto k_first = std::chrono::milliseconds(5);
  constexpr auto k_most = std::chrono::milliseconds(500);
  constexpr auto k_patience = std::chrono::seconds(2);
  const auto began = std::chrono::steady_clock::now();
  Backoff backoff(k_first, k_most);
  for (bool told = false;;) {
    auto answer = outcome_of(connection, mark);
    if (answer.outcome != CommitOutcome::running) {
      return answer;
    }
    if (!told && std::chrono::steady_clock::now() - began > k_patience) {
      waiting(answer.reason);
      told = true;
    }
    if (!sleep_for(backoff.next(), connection.cancel_token())) {
      throw Error(ErrorKind::stopped, "stopped while the end of a commit was awaited");
    }
  }
}

}  // namespace pgstride::target
