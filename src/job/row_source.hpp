// Where a job's rows come from: a server under one snapshot, or files. Belongs to the job's thread,
// but for make_copier(), which each worker calls on its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "job/job.hpp"
#include "pgstride/chunk.hpp"
#include "pgstride/table.hpp"
#include "transfer/chunk_copier.hpp"
#include "transfer/rate_limiter.hpp"
#include "transfer/worker_settings.hpp"

namespace pgstride::job {

class RowSource {
 public:
  virtual ~RowSource() = default;

  /// Throws Error (identity; usage or io for files) unless it is what the job was planned on.
  virtual void check() = 0;
  /// Makes it ready to be read; again after it was lost. False if no table is left to read.
  virtual bool open() = 0;
  /// Once the targets' tables are ready: how each table is read and loaded.
  virtual void plan() = 0;
  /// Lets go of what open() took.
  virtual void close() = 0;

  /// Before the workers of a transfer begin: adds to their settings what they need for these
  /// tables, those that have chunks left.
  virtual void prepare(const std::vector<const Table*>& tables,
                       transfer::WorkerSettings& settings) = 0;
  virtual std::unique_ptr<transfer::ChunkCopier>
  make_copier(int number, const transfer::WorkerSettings& settings, transfer::RateLimiter& limiter,
              transfer::WorkerProgress& progress, const target::OnJobThread& on_job_thread) = 0;
  /// Adds to a task how its chunk is read and brought to `task.targets`.
  virtual void describe(transfer::CopyTask& task, const Chunk& chunk, const Table& table) = 0;
  /// Of a table that is read to its end: exact, fuzzy, or empty where nothing is known.
  [[nodiscard]] virtual std::string consistency(const Table& table) const = 0;
  /// What is told when a table begins.
  [[nodiscard]] virtual TableStarted started(const Table& table) const = 0;
  /// Now and then while workers read. Throws Error (snapshot) once it is lost.
  virtual void tend() = 0;
  /// After `pause --hold`: keeps what a resume goes on with, until that has taken it over or a
  /// stop. The job's lock and checkpoint are given up.
  virtual void hold_until_released() = 0;
};

}  // namespace pgstride::job
