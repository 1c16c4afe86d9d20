#include "job/coordinator.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/crash_point.hpp"
#include "job/directory.hpp"
#include "job/identity_step.hpp"
#include "job/load_plan.hpp"
#include "job/settings.hpp"

namespace pgstride::job {

Coordinator::Coordinator(Job& job, RowSource& source, ProgressMeter& meter, RunLimits& limits)
    : m_job(job), m_source(source), m_meter(meter), m_limits(limits), m_announcer(job, meter),
      m_settings(worker_settings()), m_workers(worker_count(job.run)) {
  load_tables();
  std::vector<const Table*> left;
  for (const auto& [id, state] : m_tables) {
    if (state.left > 0) {
      left.push_back(&state.record.table);
    }
  }
  m_source.prepare(left, m_settings);
}

transfer::WorkerSettings Coordinator::worker_settings() const {
  transfer::WorkerSettings settings;
  settings.job = m_job.name;
  settings.directory = m_job.directory;
  settings.retries = m_job.run.retries;
  settings.retry_wait = m_job.run.retry_wait;
  settings.statement_timeout = m_job.run.statement_timeout;
  settings.chunk_pause = m_job.run.chunk_pause;
  settings.batch_rows = static_cast<std::size_t>(m_job.load.batch_rows);
  settings.min_batch_rows =
      static_cast<std::size_t>(std::min(m_job.load.min_batch_rows, m_job.load.batch_rows));
  settings.rejects = reject_budget();
  for (const auto& target : m_job.targets) {
    settings.targets.push_back(
        {target.record.id, target.conninfo, target.book, m_job.load.disable_triggers});
  }
  settings.stop = {m_job.stop.drain, m_cancel.get_token()};
  return settings;
}

// None where no row may be rejected.
std::shared_ptr<transfer::RejectBudget> Coordinator::reject_budget() const {
  if (!m_job.loads() || (!m_job.load.reject_limit && m_job.load.on_conflict != OnConflict::skip)) {
    return nullptr;
  }
  std::int64_t used = 0;
  for (const auto& sum : m_job.store->totals()) {
    used += sum.rejected;
  }
  return std::make_shared<transfer::RejectBudget>(m_job.load.reject_limit, used);
}

void Coordinator::load_tables() {
  std::unordered_map<std::int64_t, checkpoint::TableTotals> totals;
  for (auto& sum : m_job.store->totals()) {
    totals[sum.table_id] = sum;
  }
  for (auto& record : m_job.store->tables()) {
    if (record.state == "removed") {
      continue;
    }
    const auto& sum = totals[record.table.id];
    TableState state;
    state.left = sum.chunks - sum.done - sum.failed;
    state.record = std::move(record);
    const auto id = state.record.table.id;
    const auto& added = m_tables.emplace(id, std::move(state)).first->second;
    m_announcer.add(added.record, added.left > 0);
  }
}

// After deliveries of many tables were set aside at once.
void Coordinator::count_left() {
  for (const auto& sum : m_job.store->totals()) {
    if (const auto found = m_tables.find(sum.table_id); found != m_tables.end()) {
      found->second.left = sum.chunks - sum.done - sum.failed;
    }
  }
}

transfer::CopyTask Coordinator::task_of(const checkpoint::Claim& claim, const Table& table) const {
  transfer::CopyTask task;
  task.chunk_id = claim.chunk.id;
  task.table_id = claim.chunk.table_id;
  task.label = fmt::format("{} chunk {}", table.leaf_display_name(), claim.chunk.number);
  task.targets = claim.targets;
  m_source.describe(task, claim.chunk, table);
  for (std::size_t i = 0; m_settings.rejects && i < task.ways.size(); ++i) {
    if (awaits_parents(*task.ways[i]->table)) {
      task.awaits_parents.insert(task.targets[i]);
    }
  }
  return task;
}

// A worker has one that it reads and one whose file is on its way to the disk; one waits for
// whoever is free first.
std::size_t Coordinator::most_in_flight() const {
  const auto workers = static_cast<std::size_t>(m_workers);
  return (m_job.loads() ? workers : 2 * workers) + 1;
}

// A table that refers to itself does until its last chunk is in.
bool Coordinator::awaits_parents(const target::TargetTable& table) const {
  return !table.foreign_keys.empty() &&
         std::any_of(m_tables.begin(), m_tables.end(), [&](const auto& entry) {
           const auto& record = entry.second.record;
           const auto name = target_name(m_job.load, record.table);
           return record.state != "done" &&
                  std::any_of(table.foreign_keys.begin(), table.foreign_keys.end(),
                              [&](const auto& key) { return key.table == name; });
         });
}

bool Coordinator::may_claim() const {
  return m_claiming && !m_exhausted &&
         (!m_job.run.max_chunks || m_limits.chunks_claimed < *m_job.run.max_chunks);
}

TransferResult Coordinator::run() {
  // A cancel by the user reaches the workers through our own source, and so does our own failure.
  const std::stop_callback forward(m_job.stop.cancel, [this] { m_cancel.request_stop(); });
  const auto make_copier = [this](int number, transfer::RateLimiter& limiter,
                                  transfer::WorkerProgress& progress,
                                  const target::OnJobThread& on_job_thread) {
    return m_source.make_copier(number, m_settings, limiter, progress, on_job_thread);
  };
  m_pool = std::make_unique<transfer::WorkerPool>(m_workers, m_settings, make_copier,
                                                  m_job.run.max_rate);
  try {
    step({});
    while (!m_in_flight.empty()) {
      std::vector<transfer::Message> messages;
      messages.push_back(m_pool->next());
      while (auto more = m_pool->try_next()) {
        messages.push_back(std::move(*more));
      }
      step(std::move(messages));
    }
  } catch (...) {
    m_cancel.request_stop();
    m_pool.reset();
    throw;
  }
  m_pool.reset();
  if (m_workers == 0) {
    throw *m_no_connection;  // it may pass: the run tries again
  }
  if (m_result.end == TransferEnd::finished && !m_exhausted) {
    m_result.end = TransferEnd::stopped;
    m_result.reason = fmt::format("--max-chunks {} reached", *m_job.run.max_chunks);
  }
  return m_result;
}

// One durable step: results in, claims out. Files were durable before; workers see a claim after.
void Coordinator::step(std::vector<transfer::Message> messages) {
  std::vector<const transfer::TaskDone*> results;
  std::vector<transfer::Errand*> errands;
  for (auto& message : messages) {
    if (auto* errand = std::get_if<transfer::Errand>(&message)) {
      errands.push_back(errand);
    } else if (const auto* done = std::get_if<transfer::TaskDone>(&message)) {
      results.push_back(done);
    } else if (const auto* begun = std::get_if<transfer::TaskBegun>(&message)) {
      const auto& flight = m_in_flight.at(begun->chunk_id);
      m_job.events->chunk_started(flight.table->record.table, flight.chunk);
    } else if (const auto* retried = std::get_if<transfer::TaskRetried>(&message)) {
      const auto& flight = m_in_flight.at(retried->chunk_id);
      m_job.events->chunk_retried(flight.table->record.table, flight.chunk.number, retried->attempt,
                                  retried->error.full_text());
      m_job.note("retry",
                 fmt::format("{} chunk {}: {}", flight.table->record.table.leaf_display_name(),
                             flight.chunk.number, retried->error.what()));
    }
  }
  look_around();
  std::vector<checkpoint::Claim> claimed;
  const bool room = m_in_flight.size() - results.size() < most_in_flight();
  if (!results.empty() || !errands.empty() || (may_claim() && room)) {
    const auto batch = m_job.store->batch();
    for (const auto* errand : errands) {
      errand->run();
    }
    for (const auto* done : results) {
      record(*done);
    }
    claimed = claim();
    batch->commit();
  }
  for (auto* errand : errands) {
    errand->done.set_value(true);
  }
  for (const auto* done : results) {
    auto flight = m_in_flight.extract(done->chunk_id).mapped();
    announce(*done, flight);
  }
  if (!claimed.empty()) {
    crash_point("chunk_claimed");
  }
  for (const auto& claim : claimed) {
    submit(claim);
  }
  show_progress();
}

void Coordinator::record(const transfer::TaskDone& done) {
  auto& table = *m_in_flight.at(done.chunk_id).table;
  --table.in_flight;
  for (const auto& target : done.targets) {
    m_job.store->finish(target.result);
    switch (target.result.outcome) {
    case Outcome::done:
      --table.left;
      chunk_done(target.result);
      break;
    case Outcome::failed:
      --table.left;
      delivery_failed(table, target);
      break;
    case Outcome::snapshot_lost:
      stop_claiming(TransferEnd::snapshot_lost, target.result.error);
      break;
    case Outcome::cancelled:
      if (target.error && target.error->kind() == ErrorKind::in_doubt) {
        stop_claiming(TransferEnd::in_doubt, target.error->what());
      }
      break;
    }
  }
  if (done.worker_left) {
    worker_left(*done.worker_left);
  }
  settle_table(table);
}

void Coordinator::chunk_done(const ChunkResult& result) {
  for (const auto& target : m_job.targets) {
    if (target.record.id == result.target_id) {
      target.book->chunk_done(result.chunk_id);
    }
  }
}

// Its chunk is planned again; as long as one worker is left the job goes on.
void Coordinator::worker_left(const Error& why) {
  if (!m_no_connection) {
    m_job.warn(fmt::format("no connection for one of {} workers, the job goes on with fewer: {}",
                           m_workers, why.what()),
               why.hint());
  }
  m_no_connection = why;
  --m_workers;
  --m_limits.chunks_claimed;
  m_exhausted = false;
  m_job.record.run_settings = run_settings_json(m_workers);
  m_job.save();
  if (m_workers == 0) {
    stop_claiming(TransferEnd::failed, why.what());
  }
}

void Coordinator::delivery_failed(TableState& table, const transfer::TargetOutcome& target) {
  table.incomplete = true;
  if (target.error &&
      (target.error->kind() == ErrorKind::io || target.error->kind() == ErrorKind::checkpoint)) {
    // Not the table's fault: the disk is full, or another process has taken the job over.
    stop_claiming(TransferEnd::failed, target.error->what());
    m_result.error = target.error;
    return;
  }
  const auto target_id = target.result.target_id;
  if (m_job.set_aside.contains({0, target_id}) ||
      !m_job.set_aside.insert({table.record.table.id, target_id}).second) {
    return;
  }
  table_failed(table, target);
  if (target.target_down) {
    target_failed(target);
  }
}

// The other tables go on, and this one to the other targets.
void Coordinator::table_failed(TableState& table, const transfer::TargetOutcome& target) {
  table.left -= m_job.store->set_aside(table.record.table.id, target.result.target_id,
                                       "another chunk failed");
  table.record.state = "failed";
  table.record.error = target.result.error;
  m_job.store->put_table(table.record);
  m_job.note("fault", target.result.error);
  if (m_job.run.on_table_error == OnTableError::stop) {
    stop_claiming(TransferEnd::failed,
                  fmt::format("table {} failed", table.record.table.display_name()));
    m_result.error = target.error;
  }
}

// A server that is gone for good takes nothing more in this run; the other targets go on.
void Coordinator::target_failed(const transfer::TargetOutcome& target) {
  m_job.set_aside.insert({0, target.result.target_id});
  m_job.store->set_aside(0, target.result.target_id, target.result.error);
  count_left();
  for (auto& [id, table] : m_tables) {
    if (table.record.state != "done" && table.record.state != "failed") {
      table.incomplete = true;
      table.record.state = "failed";
      table.record.error = target.result.error;
      m_job.store->put_table(table.record);
    }
  }
  m_job.warn(fmt::format("target {} is given up in this run: {}", target.result.target_id,
                         target.error->what()),
             "`pgstride resume` goes on with what it lacks");
}

void Coordinator::settle_table(TableState& table) {
  if (table.left > 0) {
    return;
  }
  if (table.record.state != "failed" && !table.incomplete) {
    table.record.state = "done";
    if (table.record.consistency.empty()) {
      table.record.consistency = m_source.consistency(table.record.table);
    }
  }
  m_job.store->put_table(table.record);
}

std::vector<checkpoint::Claim> Coordinator::claim() {
  std::vector<checkpoint::Claim> claimed;
  std::size_t busy = 0;
  for (const auto& [id, state] : m_tables) {
    busy += static_cast<std::size_t>(state.in_flight);
  }
  while (may_claim() && busy + claimed.size() < most_in_flight()) {
    auto claim = m_job.store->claim(0, now_us());
    if (!claim) {
      m_exhausted = true;
      break;
    }
    ++m_limits.chunks_claimed;
    ++m_tables.at(claim->chunk.table_id).in_flight;
    claimed.push_back(std::move(*claim));
  }
  return claimed;
}

void Coordinator::submit(const checkpoint::Claim& claim) {
  const auto& chunk = claim.chunk;
  auto& table = m_tables.at(chunk.table_id);
  m_announcer.begun(m_source.started(table.record.table));
  m_in_flight.emplace(chunk.id, InFlight{chunk, &table});
  m_pool->submit(task_of(claim, table.record.table));
}

void Coordinator::announce(const transfer::TaskDone& done, const InFlight& flight) {
  auto& table = *flight.table;
  bool ended = false;
  for (const auto& target : done.targets) {
    const auto& result = target.result;
    ended = ended || result.outcome == Outcome::done || result.outcome == Outcome::failed;
    if (result.outcome == Outcome::done) {
      m_meter.chunk_done(flight.chunk, result);
      m_job.events->chunk_done(table.record.table, result);
    } else if (result.outcome == Outcome::failed) {
      m_job.events->warning(fmt::format("table {}, chunk {} failed: {}",
                                        table.record.table.leaf_display_name(), flight.chunk.number,
                                        result.error),
                            "");
    }
  }
  if (ended && table.left == 0 && table.in_flight == 0) {
    m_announcer.finished(table.record.table);
  }
}

// What may end the run besides the last chunk, and the health of the snapshot.
void Coordinator::look_around() {
  if (m_job.stop.drain.stop_requested()) {
    stop_claiming(TransferEnd::stopped, "stopped");
  }
  if (const auto request = pause_request(m_job.directory);
      request != PauseRequest::none && m_claiming) {
    stop_claiming(TransferEnd::stopped, "asked by `pgstride pause`");
    m_result.hold = request == PauseRequest::hold;
  }
  if (m_job.run.max_duration &&
      std::chrono::steady_clock::now() - m_limits.began >= *m_job.run.max_duration) {
    stop_claiming(TransferEnd::stopped, "--max-duration reached");
  }
  try {
    m_source.tend();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::snapshot) {
      throw;
    }
    stop_claiming(TransferEnd::snapshot_lost, error.what());
  }
}

// The first reason stays, but a lost snapshot or a failure is more than a pause.
void Coordinator::stop_claiming(TransferEnd end, const std::string& reason) {
  if (m_result.end == TransferEnd::finished || end == TransferEnd::failed) {
    m_result.end = end;
    m_result.reason = reason;
  }
  if (m_claiming) {
    m_claiming = false;
    for (const auto& task : m_pool ? m_pool->take_back() : std::vector<transfer::CopyTask>{}) {
      ChunkResult back;
      back.chunk_id = task.chunk_id;
      back.table_id = task.table_id;
      back.outcome = Outcome::cancelled;
      for (const auto target : task.targets) {
        back.target_id = target;
        m_job.store->finish(back);
      }
      auto flight = m_in_flight.extract(task.chunk_id).mapped();
      --flight.table->in_flight;
      --m_limits.chunks_claimed;
    }
  }
}

void Coordinator::show_progress() {
  std::vector<PartialChunk> partial;
  for (const auto& under_way : m_pool->under_way()) {
    const auto found = m_in_flight.find(under_way.chunk_id);
    if (found != m_in_flight.end()) {
      partial.push_back({found->second.chunk.estimated_bytes, under_way.rows, under_way.raw_bytes,
                         under_way.bytes});
    }
  }
  m_job.events->progress(m_meter.now(partial));
}

TransferResult transfer(Job& job, RowSource& source, ProgressMeter& meter, RunLimits& limits) {
  Coordinator coordinator(job, source, meter, limits);
  return coordinator.run();
}

}  // namespace pgstride::job
