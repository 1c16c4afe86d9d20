#include "transfer/worker.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include "base/backoff.hpp"
#include "base/clock.hpp"

namespace pgstride::transfer {

namespace {

// Worth another try: what passes by itself, and a statement somebody cancelled or that timed out.
bool worth_retrying(const Error& error) {
  return error.is_transient() || error.sqlstate() == "57014";
}

// too_many_connections: max_connections, or a limit of the role or database.
bool no_connection_left(const Error& error) {
  return error.sqlstate() == "53300";
}

Outcome outcome_of(const Error& error) {
  switch (error.kind()) {
  case ErrorKind::stopped:
  case ErrorKind::in_doubt:  // its target is asked anew before it goes on
    return Outcome::cancelled;
  case ErrorKind::snapshot:
    return Outcome::snapshot_lost;
  default:
    return Outcome::failed;
  }
}

// What is kept of a target's result, once it is settled.
void finish(TargetOutcome& target) {
  auto& result = target.result;
  result.finished_us = now_us();
  if (result.outcome == Outcome::done) {
    target.error.reset();
    return;
  }
  result.error = target.error->full_text();
  result.rows = result.bytes = result.raw_bytes = 0;
  result.file.clear();
  result.xxh3.clear();
}

void hand_back(const std::vector<TargetOutcome*>& open) {
  for (auto* target : open) {
    target->result.outcome = Outcome::cancelled;
    finish(*target);
  }
}

}  // namespace

bool has_files(const TaskDone& done) {
  return std::any_of(done.targets.begin(), done.targets.end(),
                     [](const auto& target) { return target.file != nullptr; });
}

void commit_files(TaskDone& done) noexcept {
  for (auto& target : done.targets) {
    const auto file = std::exchange(target.file, nullptr);
    if (!file) {
      continue;
    }
    try {
      file->commit();
    } catch (const Error& error) {
      target.error = error;
      target.result.outcome = Outcome::failed;
    }
    finish(target);
  }
}

Worker::Worker(int number, const WorkerSettings& settings, std::unique_ptr<ChunkCopier> copier,
               WorkerProgress& progress, std::function<void(TaskRetried)> retried)
    : m_number(number), m_settings(settings), m_copier(std::move(copier)), m_progress(progress),
      m_retried(std::move(retried)) {}

TaskDone Worker::run(const CopyTask& task) {
  m_progress.show(0, 0, 0);
  m_progress.chunk_id = task.chunk_id;
  TaskDone done{task.chunk_id, task.table_id, {}};
  for (const auto target : task.targets) {
    auto& result = done.targets.emplace_back().result;
    result.chunk_id = task.chunk_id;
    result.table_id = task.table_id;
    result.target_id = target;
    result.worker = m_number;
    result.started_us = now_us();
  }
  attempt_all(task, done);
  m_progress.chunk_id = 0;
  return done;
}

void Worker::attempt_all(const CopyTask& task, TaskDone& done) {
  Backoff backoff(m_settings.retry_wait);
  std::vector<TargetOutcome*> open;
  for (auto& target : done.targets) {
    open.push_back(&target);
  }
  for (int number = 1;; ++number) {
    attempt(task, open);
    if (m_refused && (!m_served || number > m_settings.retries)) {
      // Not worth waiting for: the others do its work.
      hand_back(open);
      done.worker_left = m_refused;
      return;
    }
    std::erase_if(open, [&](auto* target) { return settle(*target); });
    if (open.empty()) {
      return;
    }
    if (!m_settings.stop.drain.stop_requested()) {
      m_retried({task.chunk_id, task.table_id, number, *open.front()->error});
      sleep_for(backoff.next(), m_settings.stop.drain);
      continue;
    }
    hand_back(open);
    return;
  }
}

void Worker::attempt(const CopyTask& task, const std::vector<TargetOutcome*>& open) {
  for (auto* target : open) {
    ++target->result.attempts;
    target->error.reset();
    target->target_down = false;
  }
  m_refused.reset();
  std::optional<Error> trouble;
  try {
    m_copier->copy(task, open);
    m_served = true;
    return;
  } catch (const Error& error) {
    trouble = error;
  } catch (const std::exception& error) {
    trouble = Error(ErrorKind::internal, fmt::format("{}: {}", task.label, error.what()));
  }
  m_copier->reset(*trouble);
  if (no_connection_left(*trouble)) {
    m_refused = trouble;
  }
  for (auto* target : open) {
    target->result.outcome = Outcome::failed;
    target->error = trouble;
  }
}

// True if a target needs no further attempt.
bool Worker::settle(TargetOutcome& target) {
  auto& result = target.result;
  if (target.error) {
    result.outcome = outcome_of(*target.error);
    if (result.outcome == Outcome::failed && m_copier->source_lost()) {
      result.outcome = Outcome::snapshot_lost;
    }
    if (result.outcome == Outcome::failed && worth_retrying(*target.error) &&
        result.attempts <= m_settings.retries) {
      return false;
    }
  }
  finish(target);
  return true;
}

}  // namespace pgstride::transfer
