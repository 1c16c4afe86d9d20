// One worker: takes a chunk at a time through its copier, tries again what passes by itself, and
// says what became of it for each target. Belongs to one thread; what it shares is named below.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "transfer/chunk_copier.hpp"
#include "transfer/task.hpp"
#include "transfer/worker_settings.hpp"

namespace pgstride::transfer {

/// True if files of the task are to be made durable before it may be told of.
bool has_files(const TaskDone& done);
/// Makes them durable; what fails in that has failed. On any thread. Never throws.
void commit_files(TaskDone& done) noexcept;

class Worker {
 public:
  /// `retried` is called on this thread before each further attempt.
  Worker(int number, const WorkerSettings& settings, std::unique_ptr<ChunkCopier> copier,
         WorkerProgress& progress, std::function<void(TaskRetried)> retried);

  /// Copies a chunk, trying again after errors that pass, inside the same snapshot. Its file is
  /// left for commit_files(), so that the next chunk can be read meanwhile. Never throws.
  TaskDone run(const CopyTask& task);

 private:
  void attempt_all(const CopyTask& task, TaskDone& done);
  void attempt(const CopyTask& task, const std::vector<TargetOutcome*>& open);
  bool settle(TargetOutcome& target);

  int m_number;
  const WorkerSettings& m_settings;
  std::unique_ptr<ChunkCopier> m_copier;
  WorkerProgress& m_progress;
  std::function<void(TaskRetried)> m_retried;
  bool m_served = false;           ///< it has copied something: it had a connection
  std::optional<Error> m_refused;  ///< by the last attempt: the server has no connection for it
};

}  // namespace pgstride::transfer
