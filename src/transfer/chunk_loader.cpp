#include "transfer/chunk_loader.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "target/freeze.hpp"
#include "target/load_book.hpp"
#include "target/triggers.hpp"
#include "transfer/batch_loader.hpp"

namespace pgstride::transfer {

/// One target of the chunk that is under way.
struct ChunkLoader::Receiver {
  TargetOutcome* outcome = nullptr;
  const LoadTarget* target = nullptr;
  target::ChunkEntry entry;
  pg::Connection* connection = nullptr;
  std::unique_ptr<pg::CopyWriter> writer = nullptr;  ///< of a stream
  std::unique_ptr<RejectPart> rejects = nullptr;     ///< of batches
  std::unique_ptr<BatchLoader> batches = nullptr;
  bool begun = false;  ///< the book has told what of the chunk is in
  bool committing = false;

  [[nodiscard]] bool live() const { return writer || batches; }
  void close() {
    writer.reset();
    batches.reset();
    rejects.reset();
  }
};

namespace {

std::size_t place_of(const CopyTask& task, std::int64_t target) {
  return static_cast<std::size_t>(std::find(task.targets.begin(), task.targets.end(), target) -
                                  task.targets.begin());
}

}  // namespace

bool comes_in_batches(const CopyTask& task, const TargetOutcome& outcome) {
  return task.ways.at(place_of(task, outcome.result.target_id))->kind != LoadKind::copy;
}

bool is_isolatable(const WorkerSettings& settings, const TargetOutcome& outcome) {
  return settings.rejects && settings.rejects->limit() && outcome.error &&
         is_data_error(*outcome.error);
}

bool is_in_conflict(const CopyTask& task, const TargetOutcome& outcome) {
  constexpr const char* k_unique_violation = "23505";
  return comes_in_batches(task, outcome) && outcome.error &&
         outcome.error->sqlstate() == k_unique_violation;
}

ChunkLoader::ChunkLoader(int number, const WorkerSettings& settings,
                         target::OnJobThread on_job_thread)
    : m_number(number), m_settings(settings), m_on_job_thread(std::move(on_job_thread)) {}

ChunkLoader::~ChunkLoader() = default;

const LoadTarget& ChunkLoader::target_of(const TargetOutcome& outcome) const {
  return *std::find_if(
      m_settings.targets.begin(), m_settings.targets.end(),
      [&](const LoadTarget& target) { return target.id == outcome.result.target_id; });
}

// If that can't be asked, what is wrong shows once the rows come.
bool ChunkLoader::is_vacant(const CopyTask& task, const TargetOutcome& outcome) {
  const auto sql = task.occupied_sql.find(outcome.result.target_id);
  if (sql == task.occupied_sql.end()) {
    return false;
  }
  try {
    return !session(target_of(outcome)).exec(sql->second).boolean(0, 0);
  } catch (const Error&) {
    return false;
  }
}

void ChunkLoader::begin(const CopyTask& task, const std::vector<TargetOutcome*>& open,
                        Lsn valid_lsn, const std::string& snapshot, LoadBy by) {
  m_receivers.clear();
  for (auto* outcome : open) {
    Receiver receiver;
    receiver.outcome = outcome;
    receiver.target = &target_of(*outcome);
    receiver.entry = {task.chunk_id, task.table_key, valid_lsn};
    outcome->result.valid_lsn = valid_lsn;
    outcome->result.snapshot = snapshot;
    try {
      if (begin(task, receiver)) {
        take_in(task, receiver, by);
        m_receivers.push_back(std::move(receiver));
      }
    } catch (const Error& error) {
      fail(receiver, error);
    }
  }
}

// False if the target has the chunk already: an attempt whose commit was in doubt came through.
bool ChunkLoader::begin(const CopyTask& task, Receiver& receiver) {
  auto& result = receiver.outcome->result;
  receiver.connection = &session(*receiver.target);
  LoadCounts counts;
  const bool is_new = gate(*receiver.target).begin(*receiver.connection, receiver.entry, counts);
  receiver.begun = true;
  if (m_settings.rejects) {
    m_settings.rejects->set(task.chunk_id, result.target_id, counts.rejected);
  }
  if (!is_new) {
    result.set(counts);
    result.outcome = Outcome::done;
  }
  return is_new;
}

void ChunkLoader::take_in(const CopyTask& task, Receiver& receiver, LoadBy by) {
  const auto id = receiver.target->id;
  const auto at = place_of(task, id);
  if (by == LoadBy::copy) {
    const auto frozen = task.frozen.find(id);
    const bool freezes = frozen != task.frozen.end() &&
                         target::begin_freeze(*receiver.connection, frozen->second.table);
    receiver.writer = std::make_unique<pg::CopyWriter>(
        *receiver.connection, freezes ? frozen->second.sql : task.load_sql.at(at));
    return;
  }
  if (by == LoadBy::batches_immediate) {
    receiver.connection->exec("SET CONSTRAINTS ALL IMMEDIATE");
  }
  if (m_settings.rejects) {
    receiver.rejects = std::make_unique<RejectPart>(
        m_settings.directory, task.label, task.input.path.string(),
        task.ways.at(at)->insert.columns, task.chunk_id, id, *m_settings.rejects);
  }
  auto& size =
      m_sizes.try_emplace(id, m_settings.min_batch_rows, m_settings.batch_rows).first->second;
  receiver.batches = std::make_unique<BatchLoader>(
      BatchTools{*receiver.connection, *task.ways.at(at), size, receiver.rejects.get(),
                 m_settings.rejects && m_settings.rejects->limit(),
                 m_settings.statement_timeout.count() > 0, task.awaits_parents.contains(id)});
}

std::size_t ChunkLoader::live() const {
  return static_cast<std::size_t>(
      std::count_if(m_receivers.begin(), m_receivers.end(),
                    [](const auto& receiver) { return receiver.live(); }));
}

void ChunkLoader::load(const RowBatch& batch) {
  for (auto& receiver : m_receivers) {
    if (receiver.batches) {
      try {
        receiver.batches->load(batch);
      } catch (const Error& error) {
        fail(receiver, error);
      }
    }
  }
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
    if (receiver.live()) {
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
    const auto counts = receiver.writer ? LoadCounts{.rows = receiver.writer->finish()}
                                        : receiver.batches->counts();
    const auto taken = counts.rows + counts.ignored + counts.superseded + counts.rejected;
    if (rows_read && taken != *rows_read) {
      throw Error(ErrorKind::server,
                  fmt::format("{}: the target took {} of {} rows, so a trigger or a rule there "
                              "drops some",
                              task.label, taken, *rows_read),
                  "disable it, or load with --disable-triggers");
    }
    if (receiver.rejects) {
      receiver.rejects->commit();
    }
    receiver.committing = true;
    gate(*receiver.target).commit(*receiver.connection, receiver.entry, counts);
    result.set(counts);
    result.outcome = Outcome::done;
    receiver.close();
  } catch (const Error& error) {
    fail(receiver, error);
  }
}

// The others go on. Nothing of the chunk stays there, unless its commit is in doubt.
void ChunkLoader::fail(Receiver& receiver, const Error& error) noexcept {
  receiver.outcome->error = error;
  if (error.sqlstate() == "23503" && error.hint().empty()) {  // foreign_key_violation
    receiver.outcome->error->with_hint(
        "rows may come before those they refer to: --defer-indexes builds foreign keys at the end, "
        "--disable-triggers leaves them unchecked, `pgstride resume` tries again");
  }
  receiver.outcome->target_down = error.kind() == ErrorKind::connection;
  const bool in_doubt =
      receiver.committing && (error.kind() != ErrorKind::server || error.poisons_connection());
  if (m_settings.rejects && receiver.begun && !in_doubt) {
    m_settings.rejects->set(receiver.entry.chunk_id, receiver.target->id, 0);
  }
  receiver.close();
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

pg::Connection ChunkLoader::connect(const LoadTarget& target, char role) const {
  return pg::Connection(
      {target.conninfo, fmt::format("pgstride/{}/{}{}", m_settings.job, role, m_number),
       m_settings.stop.cancel,
       role == 'w' ? m_settings.statement_timeout : std::chrono::milliseconds(0)});
}

target::ChunkGate& ChunkLoader::gate(const LoadTarget& target) {
  auto& gate = m_gates[target.id];
  if (!gate) {
    gate = target.book->gate({[this, &target] { return connect(target, 'k'); }, m_on_job_thread});
  }
  return *gate;
}

pg::Connection& ChunkLoader::session(const LoadTarget& target) {
  const auto found = m_sessions.find(target.id);
  if (found != m_sessions.end() && found->second.still_connected()) {
    found->second.abandon_transaction();
    return found->second;
  }
  m_sessions.erase(target.id);
  auto made = connect(target, 'w');
  if (target.disable_triggers) {
    target::disable_triggers(made);
  }
  return m_sessions.emplace(target.id, std::move(made)).first->second;
}

void ChunkLoader::reset() noexcept {
  for (const auto& receiver : m_receivers) {
    if (m_settings.rejects && receiver.live()) {
      m_settings.rejects->set(receiver.entry.chunk_id, receiver.target->id, 0);
    }
  }
  m_receivers.clear();
  for (auto session = m_sessions.begin(); session != m_sessions.end();) {
    session->second.abandon_transaction();
    session = session->second.usable() ? std::next(session) : m_sessions.erase(session);
  }
}

}  // namespace pgstride::transfer
