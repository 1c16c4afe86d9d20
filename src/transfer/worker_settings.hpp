// What all workers of a job have in common, and what each shows of itself. Settings are read only
// while workers run; progress is atomic.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "pgstride/options.hpp"
#include "pgstride/stop.hpp"
#include "target/load_book.hpp"
#include "transfer/reject_budget.hpp"
#include "transfer/task.hpp"

namespace pgstride::transfer {

/// A database that workers load.
struct LoadTarget {
  std::int64_t id = 0;
  std::string conninfo;
  std::shared_ptr<target::LoadBook> book;
  bool disable_triggers = false;
};

struct WorkerSettings {
  std::string conninfo;  ///< of the source
  std::string job;       ///< sessions are named `pgstride/<job>/w3`
  std::filesystem::path directory;
  Compression compression;
  /// Locked as soon as a session has the snapshot, so that whoever queues for a stronger lock later
  /// does not keep a worker out; empty where they are too many for the server's lock table.
  std::vector<LockedTable> tables;
  std::vector<LoadTarget> targets;  ///< none: the job's directory
  std::size_t batch_rows = 50'000;
  std::size_t min_batch_rows = 500;
  std::shared_ptr<RejectBudget> rejects;  ///< none: no row is rejected
  int retries = 0;
  std::chrono::milliseconds retry_wait{1000};
  std::chrono::milliseconds statement_timeout{0};
  std::chrono::milliseconds chunk_pause{0};
  StopTokens stop;
};

/// How far a worker is with its present chunk; written by it, read by the job's thread.
struct WorkerProgress {
  std::atomic<std::int64_t> chunk_id{0};
  std::atomic<std::int64_t> rows{0};
  std::atomic<std::int64_t> raw_bytes{0};
  std::atomic<std::int64_t> bytes{0};

  void show(std::int64_t rows_now, std::int64_t raw_bytes_now, std::int64_t bytes_now) {
    rows.store(rows_now, std::memory_order_relaxed);
    raw_bytes.store(raw_bytes_now, std::memory_order_relaxed);
    bytes.store(bytes_now, std::memory_order_relaxed);
  }
};

}  // namespace pgstride::transfer
