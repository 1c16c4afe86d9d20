#include "transfer/table_copier.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "pg/copy_writer.hpp"
#include "pg/quote.hpp"
#include "target/ledger.hpp"
#include "target/triggers.hpp"
#include "transfer/fan_out.hpp"

namespace pgstride::transfer {

/// One target of the chunk that is under way.
struct TableCopier::Receiver {
  TargetOutcome* outcome = nullptr;
  const LoadTarget* target = nullptr;
  const std::string* copy_sql = nullptr;
  target::LedgerEntry entry;
  pg::Connection* connection = nullptr;
  std::optional<pg::CopyWriter> writer;
};

TableCopier::TableCopier(int number, const WorkerSettings& settings, SnapshotBoard& board,
                         RateLimiter& limiter, WorkerProgress& progress)
    : m_number(number), m_settings(settings), m_board(board), m_limiter(limiter),
      m_progress(progress), m_source(number, settings, board) {}

void TableCopier::copy(const CopyTask& task, const std::vector<TargetOutcome*>& open) {
  std::vector<Receiver> receivers(open.size());
  for (std::size_t i = 0; i < open.size(); ++i) {
    auto& receiver = receivers[i];
    receiver.outcome = open[i];
    const auto id = open[i]->result.target_id;
    const auto at = std::find(task.targets.begin(), task.targets.end(), id) - task.targets.begin();
    receiver.copy_sql = &task.load_sql.at(static_cast<std::size_t>(at));
    receiver.target = &*std::find_if(m_settings.targets.begin(), m_settings.targets.end(),
                                     [&](const LoadTarget& target) { return target.id == id; });
    receiver.entry = {task.chunk_id, task.table_key, m_board.lsn()};
    try {
      if (begin(receiver)) {
        receiver.writer.emplace(*receiver.connection, *receiver.copy_sql);
      }
    } catch (const Error& error) {
      fail(receiver, error);
    }
  }
  stream(task, receivers);
}

// False if the target has the chunk already: an attempt whose commit was in doubt came through.
bool TableCopier::begin(Receiver& receiver) {
  auto& result = receiver.outcome->result;
  receiver.connection = &session(*receiver.target);
  result.valid_lsn = m_board.lsn();
  result.snapshot = m_board.text();
  if (target::begin_loading(*receiver.connection, receiver.target->run, receiver.entry,
                            result.rows)) {
    return true;
  }
  result.outcome = Outcome::done;
  return false;
}

void TableCopier::stream(const CopyTask& task, std::vector<Receiver>& receivers) {
  std::vector<Receiver*> live;
  std::vector<pg::CopyWriter*> writers;
  for (auto& receiver : receivers) {
    if (receiver.writer) {
      live.push_back(&receiver);
      writers.push_back(&*receiver.writer);
    }
  }
  if (live.empty()) {
    return;
  }
  pg::CopyReader reader(m_source.ready(task.table),
                        fmt::format("/* pgstride {} {} */ COPY ({}) TO STDOUT WITH ({})",
                                    pg::comment_safe(m_settings.job), pg::comment_safe(task.label),
                                    task.select, task.copy_options));
  FanOutOptions options;
  options.stop = m_settings.stop.cancel;
  std::int64_t passed = 0;
  const auto read = fan_out(reader, writers, options, [&](std::int64_t rows, std::int64_t bytes) {
    m_progress.show(rows, bytes, bytes);
    m_limiter.pass(bytes - std::exchange(passed, bytes), m_settings.stop.cancel);
  });
  crash_point("chunk_copied");
  for (std::size_t i = 0; i < live.size(); ++i) {
    if (read.receivers[i].error) {
      fail(*live[i], *read.receivers[i].error);
      continue;
    }
    live[i]->outcome->result.bytes = live[i]->outcome->result.raw_bytes = read.bytes;
    commit(task, *live[i], read.rows);
  }
}

void TableCopier::commit(const CopyTask& task, Receiver& receiver, std::int64_t rows_read) {
  auto& result = receiver.outcome->result;
  try {
    result.rows = receiver.writer->finish();
    if (result.rows != rows_read) {
      throw Error(ErrorKind::server,
                  fmt::format("{}: the target took {} of {} rows, so a trigger or a rule there "
                              "drops some",
                              task.label, result.rows, rows_read),
                  "disable it, or load with --disable-triggers");
    }
    target::commit_loading(*receiver.connection, receiver.target->run, receiver.entry, result.rows);
    result.outcome = Outcome::done;
    receiver.writer.reset();
  } catch (const Error& error) {
    fail(receiver, error);
  }
}

// The others go on. Nothing of the chunk stays there, unless its commit is in doubt.
void TableCopier::fail(Receiver& receiver, const Error& error) noexcept {
  receiver.outcome->error = error;
  if (error.sqlstate() == "23503" && error.hint().empty()) {  // foreign_key_violation
    receiver.outcome->error->with_hint(
        "tables load side by side: --defer-indexes builds foreign keys at the end, "
        "--disable-triggers leaves them unchecked");
  }
  receiver.outcome->target_down = error.kind() == ErrorKind::connection;
  receiver.writer.reset();
  const auto id = receiver.outcome->result.target_id;
  const auto session = m_sessions.find(id);
  if (session == m_sessions.end()) {
    return;
  }
  if (error.poisons_connection() || !session->second.usable()) {
    m_sessions.erase(session);
  } else {
    session->second.abandon_transaction();
  }
}

pg::Connection& TableCopier::session(const LoadTarget& target) {
  const auto found = m_sessions.find(target.id);
  if (found != m_sessions.end() && found->second.still_connected()) {
    found->second.abandon_transaction();
    return found->second;
  }
  m_sessions.erase(target.id);
  pg::Connection made({target.conninfo, fmt::format("pgstride/{}/w{}", m_settings.job, m_number),
                       m_settings.stop.cancel, m_settings.statement_timeout});
  if (target.disable_triggers) {
    target::disable_triggers(made);
  }
  return m_sessions.emplace(target.id, std::move(made)).first->second;
}

void TableCopier::reset(const Error& error) noexcept {
  m_source.reset(error);
  for (auto session = m_sessions.begin(); session != m_sessions.end();) {
    session->second.abandon_transaction();
    session = session->second.usable() ? std::next(session) : m_sessions.erase(session);
  }
}

}  // namespace pgstride::transfer
