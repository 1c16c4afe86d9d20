// The workers on TBB, with a queue of tasks to them and one of messages back (design.md, Threads).
// All calls belong to the job's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "transfer/chunk_copier.hpp"
#include "transfer/rate_limiter.hpp"
#include "transfer/task.hpp"
#include "transfer/worker_settings.hpp"

namespace pgstride::transfer {

/// Makes the copier of worker `number`, on that worker's thread.
using MakeCopier = std::function<std::unique_ptr<ChunkCopier>(
    int number, RateLimiter& limiter, WorkerProgress& progress,
    const target::OnJobThread& on_job_thread)>;

class WorkerPool {
 public:
  /// Starts `workers` workers; `settings` must outlive the pool.
  WorkerPool(int workers, const WorkerSettings& settings, MakeCopier make_copier,
             std::optional<std::int64_t> max_rate);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  /// Waits for the workers to end the tasks they have.
  ~WorkerPool();

  void submit(CopyTask task);
  /// Takes back the tasks that no worker has begun.
  std::vector<CopyTask> take_back();
  /// The next message; waits for it. A tick comes at least every 200 ms.
  Message next();
  std::optional<Message> try_next();

  /// What is read of the chunks that are under way.
  struct UnderWay {
    std::int64_t chunk_id = 0;
    std::int64_t rows = 0;
    std::int64_t raw_bytes = 0;
    std::int64_t bytes = 0;
  };
  [[nodiscard]] std::vector<UnderWay> under_way() const;

 private:
  struct Machinery;
  std::unique_ptr<Machinery> m_machinery;
};

}  // namespace pgstride::transfer
