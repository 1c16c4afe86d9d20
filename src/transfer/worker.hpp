// One worker: its own connection under the job's snapshot, and the copying of one chunk at a time
// from it to a file. Belongs to one thread; what it shares is named below.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/options.hpp"
#include "pgstride/stop.hpp"
#include "transfer/rate_limiter.hpp"
#include "transfer/snapshot_board.hpp"
#include "transfer/task.hpp"

namespace pgstride::transfer {

/// What all workers of a job have in common; read only while they run.
struct WorkerSettings {
  std::string conninfo;
  std::string job;  ///< sessions are named `pgstride/<job>/w3`
  std::filesystem::path directory;
  std::string copy_options;  ///< inside WITH ( … )
  Compression compression;
  /// Locked as soon as a session has the snapshot, so that whoever queues for a stronger lock later
  /// does not keep a worker out; empty where they are too many for the server's lock table.
  std::vector<LockedTable> tables;
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
};

class Worker {
 public:
  /// `retried` is called on this thread before each further attempt.
  Worker(int number, const WorkerSettings& settings, SnapshotBoard& board, RateLimiter& limiter,
         WorkerProgress& progress, std::function<void(TaskRetried)> retried);

  /// Copies a chunk, trying again after errors that pass, inside the same snapshot. Never throws.
  TaskDone run(const CopyTask& task);

 private:
  TaskDone attempt_all(const CopyTask& task);
  void copy(const CopyTask& task, ChunkResult& result);
  void ensure_session();
  bool import_snapshot(const std::string& exported_id);
  void lock_ahead();
  void ensure_locked(const CopyTask& task);
  bool is_untouched(const LockedTable& table);
  void reset_session(const Error& error) noexcept;

  int m_number;
  const WorkerSettings& m_settings;
  SnapshotBoard& m_board;
  RateLimiter& m_limiter;
  WorkerProgress& m_progress;
  std::function<void(TaskRetried)> m_retried;
  std::optional<pg::Connection> m_connection;
  bool m_in_snapshot = false;
  std::set<std::uint32_t> m_locked;  ///< oids locked in the open transaction
};

}  // namespace pgstride::transfer
