#include "job/run.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "job/deferred_step.hpp"
#include "job/end_load.hpp"
#include "job/end_step.hpp"
#include "job/exact_step.hpp"
#include "job/file_source.hpp"
#include "job/identity_step.hpp"
#include "job/older_chunks.hpp"
#include "job/rejects.hpp"
#include "job/schema_step.hpp"
#include "job/server_source.hpp"
#include "job/settings.hpp"
#include "job/slot_watch.hpp"
#include "job/snapshot_step.hpp"
#include "job/target_step.hpp"
#include "job/transfer_step.hpp"

namespace pgstride::job {

namespace {

std::unique_ptr<RowSource> make_row_source(Job& job) {
  if (job.record.verb == "import") {
    return std::make_unique<FileSource>(job);
  }
  return std::make_unique<ServerSource>(job);
}

using Clock = std::chrono::steady_clock;

ProgressMeter::Start meter_start(Job& job) {
  ProgressMeter::Start start;
  for (const auto& parent : parent_tables(*job.store)) {
    ++start.done.tables;
    start.done.tables_done += std::all_of(parent.leaves.begin(), parent.leaves.end(),
                                          [](const auto& leaf) { return leaf.state == "done"; })
                                  ? 1
                                  : 0;
  }
  for (const auto& sum : job.store->totals()) {
    start.done.chunks += sum.chunks;
    start.done.chunks_done += sum.done;
    start.done.rows += sum.rows;
    start.done.bytes += sum.bytes;
    start.done.raw_bytes += sum.raw_bytes;
    start.done.estimated_rows += sum.estimated_rows;
    start.estimated_bytes += sum.estimated_bytes;
    start.done_estimated_bytes += sum.done_estimated_bytes;
  }
  return start;
}

void announce_start(Job& job, const ProgressMeter::Start& start, bool resumed) {
  JobStarted event;
  event.job = job.name;
  event.verb = job.record.verb;
  event.resumed = resumed;
  event.consistency = job.record.consistency;
  event.start_lsn = job.record.start_lsn;
  event.workers = worker_count(job.run);
  event.tables = start.done.tables;
  event.chunks = start.done.chunks;
  event.chunks_done = start.done.chunks_done;
  event.estimated_rows = start.done.estimated_rows;
  event.estimated_bytes = start.estimated_bytes;
  job.events->job_started(event);
}

void record_state(Job& job, const std::string& state, const std::string& reason) {
  job.record.state = state;
  job.record.reason = reason;
  job.record.finished_us = now_us();
  job.record.worked_us += job.record.finished_us - job.record.started_us;
  job.save();
  job.note(state, reason);
}

// A pause without --hold gives the snapshot up: said while it can still be chosen otherwise next
// time.
void tell_what_is_lost(Job& job) {
  if (job.record.snapshot.empty()) {
    return;
  }
  if (resumes_exactly(job)) {
    job.events->warning("the snapshot ends with this process: a resume takes another, and redoes "
                        "what will have changed",
                        "`pgstride pause --hold` keeps the snapshot");
    return;
  }
  std::string names;
  for (const auto& name : tables_to_redo(job)) {
    names += (names.empty() ? "" : ", ") + name;
  }
  job.events->warning(
      names.empty()
          ? "the snapshot ends with this process: a resume reads the rest under another (fuzzy)"
          : "the snapshot ends with this process: a resume exports again whole what is not split "
            "by "
            "its primary key: " +
                names,
      names.empty()
          ? "`pgstride pause --hold` keeps the snapshot"
          : "`pgstride pause --hold` keeps the snapshot; `resume --consistency fuzzy` keeps "
            "the finished chunks");
}

/// The transfers of one run, one for each snapshot that it needs.
class Run {
 public:
  Run(Job& job, bool resumed) : m_job(job), m_source(make_row_source(job)), m_resumed(resumed) {}

  TransferResult transfer_all() {
    Backoff backoff(m_job.run.retry_wait);
    for (int attempt = 0;;) {
      const auto done_before = chunks_done();
      TransferResult result;
      std::optional<Error> trouble;
      try {
        result = transfer_once();
        if (m_job.loads() && !is_loaded(m_job) && result.end == TransferEnd::finished &&
            m_job.set_aside.empty() && open_tables(m_job).empty()) {
          trouble = confirm_targets(m_job);
        }
        if (result.end == TransferEnd::in_doubt) {
          trouble =
              Error(ErrorKind::connection, result.reason, "the target is asked what it holds");
        }
        if (result.end == TransferEnd::snapshot_lost) {
          trouble =
              Error(ErrorKind::snapshot, result.reason, "another snapshot is taken for the rest");
        }
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::stopped) {
          return {TransferEnd::stopped, "stopped", false, std::nullopt};
        }
        trouble = error;
      }
      if (!trouble) {
        return result;
      }
      if (result.end != TransferEnd::in_doubt) {
        m_source->close();  // else the snapshot is taken over
      }
      if (chunks_done() > done_before) {
        attempt = 0;
        backoff.reset();
      }
      // Thrown, a lost snapshot is one that --consistency exact does not let go.
      const bool passes = trouble->is_transient() || result.end == TransferEnd::snapshot_lost;
      if (!passes || ++attempt > m_job.run.retries) {
        throw *trouble;
      }
      m_job.warn(fmt::format("{} (attempt {} of {})", trouble->what(), attempt, m_job.run.retries),
                 trouble->hint());
      if (!sleep_for(backoff.next(), m_job.stop.drain)) {
        return {TransferEnd::stopped, "stopped", false, std::nullopt};
      }
    }
  }

  RowSource& source() { return *m_source; }

 private:
  TransferResult transfer_once() {
    m_job.store->release_running("its worker's process or snapshot was lost");
    m_job.set_aside_failed();  // a chunk that came back late must not be claimed
    if (is_loaded(m_job)) {
      return {};
    }
    m_source->check();
    if (m_job.loads()) {
      enter_targets(m_job);
      create_schema(m_job);
    }
    const bool work_left = m_source->open();
    m_job.set_aside_failed();  // so must what was planned anew since
    if (work_left) {
      m_source->plan();
    }
    if (work_left && m_job.loads()) {
      drop_deferred_objects(m_job);  // foreign keys would keep tables from being emptied
      start_target_tables(m_job);
    }
    const auto start = meter_start(m_job);
    if (!m_announced) {
      announce_start(m_job, start, m_resumed);
      m_announced = true;
    }
    if (!work_left) {
      return {};
    }
    ProgressMeter meter(start);
    return transfer(m_job, *m_source, meter, m_limits);
  }

  std::int64_t chunks_done() {
    std::int64_t done = 0;
    for (const auto& sum : m_job.store->totals()) {
      done += sum.done;
    }
    return done;
  }

  Job& m_job;
  std::unique_ptr<RowSource> m_source;
  bool m_resumed;
  bool m_announced = false;
  RunLimits m_limits;
};

std::string why_failed(const Job& job, std::string reason) {
  for (const auto& [table, target] : job.set_aside) {
    if (table == 0) {
      reason += fmt::format("{}target {} was left out", reason.empty() ? "" : "; ", target);
    }
  }
  return reason;
}

std::string failed_tables(Job& job) {
  std::string names;
  int count = 0;
  for (const auto& record : job.store->tables()) {
    if (record.state == "failed") {
      ++count;
      names += (names.empty() ? "" : ", ") + record.table.leaf_display_name();
    }
  }
  return count == 0 ? "" : fmt::format("{} of the tables failed: {}", count, names);
}

// The slot of a job that is not done goes on holding WAL: said wherever such a job ends.
void record_failure(Job& job, const std::string& reason) {
  record_state(job, "failed", reason);
  tell_held_wal(job);
}

void refuse_without_slot(const Job& job) {
  if (job.slot && job.slot->state == "dropped") {
    throw Error(ErrorKind::usage,
                fmt::format("the slot of the job in \"{}\" was dropped by `pgstride clean`",
                            job.directory.string()),
                "begin again with --restart");
  }
}

// All rows are there, but not all that comes after them: the checkpoint says why.
void end_run(Job& job) {
  try {
    confirm_slot(job);
    job.loads() ? end_load(job) : end_job(job);
  } catch (const Error& error) {
    try {
      record_state(job, error.kind() == ErrorKind::stopped ? "paused" : "failed", error.what());
      tell_held_wal(job);
    } catch (const Error& second) {
      job.events->warning(second.what(), second.hint());
    }
    throw;
  }
}

}  // namespace

JobSummary summarize(Job& job) {
  JobSummary summary;
  summary.job = job.name;
  summary.state = job.record.state;
  summary.reason = job.record.reason;
  summary.start_lsn = job.record.start_lsn;
  summary.end_lsn = job.record.end_lsn;
  summary.consistency = job.record.consistency;
  summary.consistency_note = consistency_note(job.record, *job.store);
  for (const auto& parent : parent_tables(*job.store)) {
    TableDone table;
    table.table = parent.table.schema + "." + parent.table.name;
    table.chunks = parent.chunks;
    table.rows = parent.table.rows;
    table.bytes = parent.table.bytes;
    table.raw_bytes = parent.raw_bytes;
    table.files = parent.files;
    if (const auto took = job.table_seconds.find(table.table); took != job.table_seconds.end()) {
      table.seconds = took->second;
    }
    if (table.files == 0 && job.record.state == "done" && !job.loads()) {
      table.files = 1;  // the one that an empty table makes
    }
    for (const auto& leaf : parent.leaves) {
      table.failed = table.failed || leaf.state == "failed";
      if (table.error.empty()) {
        table.error = leaf.error;
      }
    }
    ++summary.tables;
    summary.tables_failed += table.failed ? 1 : 0;
    summary.files += table.files;
    summary.rows += table.rows;
    summary.bytes += table.bytes;
    summary.raw_bytes += table.raw_bytes;
    summary.per_table.push_back(std::move(table));
  }
  for (const auto& sum : job.store->totals()) {
    summary.chunks += sum.chunks;
    summary.chunks_done += sum.done;
    summary.ignored += sum.ignored;
    summary.superseded += sum.superseded;
    summary.rejected += sum.rejected;
  }
  return summary;
}

JobSummary run_job(Job& job, bool resumed) {
  refuse_without_slot(job);
  const auto began = Clock::now();
  std::int64_t rows_before = 0;
  std::int64_t bytes_before = 0;
  for (const auto& sum : job.store->totals()) {
    rows_before += sum.rows;
    bytes_before += sum.bytes;
  }
  if (job.run.consistency == Consistency::exact && job.record.consistency == "fuzzy") {
    throw Error(ErrorKind::snapshot,
                "--consistency exact can't be had any more: the job is fuzzy already",
                "go on with --consistency auto, or begin again with --restart");
  }
  if (job.loads() && !job.load.ledger && !resumed) {
    job.warn("without a ledger nothing keeps a copy of the job's directory from loading the same "
             "rows again, and a target that is restored from a backup may pass unnoticed",
             "where a user may create a schema in the target, leave out --ledger no");
  }
  job.store->release_failed();
  job.record.state = "running";
  job.record.reason.clear();
  job.record.run_settings = run_settings_json(worker_count(job.run));
  job.record.pid = static_cast<int>(::getpid());
  job.record.started_us = now_us();
  job.record.finished_us = 0;
  job.save();

  const auto finish = [&] {
    auto summary = summarize(job);
    summary.seconds = std::chrono::duration<double>(Clock::now() - began).count();
    const double seconds = std::max(summary.seconds, 1e-3);
    summary.rows_per_s = static_cast<double>(summary.rows - rows_before) / seconds;
    summary.bytes_per_s = static_cast<double>(summary.bytes - bytes_before) / seconds;
    return summary;
  };
  Run run(job, resumed);
  TransferResult result;
  try {
    result = run.transfer_all();
  } catch (const Error& error) {
    record_failure(job, error.what());
    tell_of_deferred(job);
    throw;
  }
  const bool complete = open_tables(job).empty() && result.end != TransferEnd::failed;
  const auto failed = failed_tables(job);
  if (complete && failed.empty()) {
    end_run(job);
    tell_rejects(job);
    auto summary = finish();
    job.events->job_done(summary);
    return summary;
  }
  if (job.loads() && !is_loaded(job)) {
    write_rejects(job);
    tell_rejects(job);
  }
  if (result.end == TransferEnd::stopped && !complete) {
    record_state(job, "paused", result.reason);
    tell_held_wal(job);
    if (!result.hold) {
      tell_what_is_lost(job);
    }
    tell_of_deferred(job);
    auto summary = finish();
    job.events->paused(summary);
    if (result.hold) {
      run.source().hold_until_released();
    }
    return summary;
  }
  record_failure(job, why_failed(job, failed.empty() ? result.reason : failed));
  tell_of_deferred(job);
  if (result.error && result.error->kind() == ErrorKind::io) {
    throw *result.error;
  }
  auto summary = finish();
  job.events->job_done(summary);
  return summary;
}

}  // namespace pgstride::job
