#include "transfer/chunk_loader.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "target/freeze.hpp"
#include "target/ledger.hpp"
#include "target/triggers.hpp"

namespace pgstride::transfer {

/// One target of the chunk that is under way.
struct ChunkLoader::Receiver {
  TargetOutcome* outcome = nullptr;
  const LoadTarget* target = nullptr;
  target::LedgerEntry entry;
  pg::Connection* connection = nullptr;
  std::unique_ptr<pg::CopyWriter> writer = nullptr;
};

ChunkLoader::ChunkLoader(int number, const WorkerSettings& settings)
    : m_number(number), m_settings(settings) {}

ChunkLoader::~ChunkLoader() = default;

void ChunkLoader::begin(const CopyTask& task, const std::vector<TargetOutcome*>& open,
                        Lsn valid_lsn, const std::string& snapshot) {
  m_receivers.clear();
  for (auto* outcome : open) {
    const auto id = outcome->result.target_id;
    const auto at = std::find(task.targets.begin(), task.targets.end(), id) - task.targets.begin();
    Receiver receiver;
    receiver.outcome = outcome;
    receiver.target = &*std::find_if(m_settings.targets.begin(), m_settings.targets.end(),
                                     [&](const LoadTarget& target) { return target.id == id; });
    receiver.entry = {task.chunk_id, task.table_key, valid_lsn};
    outcome->result.valid_lsn = valid_lsn;
    outcome->result.snapshot = snapshot;
    try {
      if (begin(receiver)) {
        const auto frozen = task.frozen.find(id);
        const bool freezes = frozen != task.frozen.end() &&
                             target::begin_freeze(*receiver.connection, frozen->second.table);
        receiver.writer = std::make_unique<pg::CopyWriter>(
            *receiver.connection,
            freezes ? frozen->second.sql : task.load_sql.at(static_cast<std::size_t>(at)));
        m_receivers.push_back(std::move(receiver));
      }
    } catch (const Error& error) {
      fail(receiver, error);
    }
  }
}

// False if the target has the chunk already: an attempt whose commit was in doubt came through.
bool ChunkLoader::begin(Receiver& receiver) {
  auto& result = receiver.outcome->result;
  receiver.connection = &session(*receiver.target);
  if (target::begin_loading(*receiver.connection, receiver.target->run, receiver.entry,
                            result.rows)) {
    return true;
  }
  result.outcome = Outcome::done;
  return false;
}

std::vector<pg::CopyWriter*> ChunkLoader::writers() {
  std::vector<pg::CopyWriter*> writers;
  for (const auto& receiver : m_receivers) {
    writers.push_back(receiver.writer.get());
  }
  return writers;
}

void ChunkLoader::fail(std::size_t number, const Error& error) noexcept {
  fail(m_receivers[number], error);
}

void ChunkLoader::commit(const CopyTask& task, std::optional<std::int64_t> rows_read,
                         std::int64_t bytes) {
  for (auto& receiver : m_receivers) {
    if (receiver.writer) {
      receiver.outcome->result.bytes = receiver.outcome->result.raw_bytes = bytes;
      commit(task, receiver, rows_read);
    }
  }
  m_receivers.clear();
}

void ChunkLoader::commit(const CopyTask& task, Receiver& receiver,
                         std::optional<std::int64_t> rows_read) {
  auto& result = receiver.outcome->result;
  try {
    result.rows = receiver.writer->finish();
    if (rows_read && result.rows != *rows_read) {
      throw Error(ErrorKind::server,
                  fmt::format("{}: the target took {} of {} rows, so a trigger or a rule there "
                              "drops some",
                              task.label, result.rows, *rows_read),
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
void ChunkLoader::fail(Receiver& receiver, const Error& error) noexcept {
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

pg::Connection& ChunkLoader::session(const LoadTarget& target) {
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

void ChunkLoader::reset() noexcept {
  m_receivers.clear();
  for (auto session = m_sessions.begin(); session != m_sessions.end();) {
    session->second.abandon_transaction();
    session = session->second.usable() ? std::next(session) : m_sessions.erase(session);
  }
}

}  // namespace pgstride::transfer
