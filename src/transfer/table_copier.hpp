// Source → tables of databases: a chunk is read once and loaded into each target in a transaction
// of its own, with its entry in the target's book (correctness.md, 5): as it is read by COPY, or
// in batches. Where a COPY fails on its rows and bad ones may be rejected, the chunk is read again
// under the same snapshot, in batches. Belongs to its worker's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/copy_reader.hpp"
#include "transfer/chunk_copier.hpp"
#include "transfer/chunk_loader.hpp"
#include "transfer/rate_limiter.hpp"
#include "transfer/row_batch.hpp"
#include "transfer/snapshot_board.hpp"
#include "transfer/snapshot_session.hpp"
#include "transfer/worker_settings.hpp"

namespace pgstride::transfer {

class TableCopier final : public ChunkCopier {
 public:
  TableCopier(int number, const WorkerSettings& settings, SnapshotBoard& board,
              RateLimiter& limiter, WorkerProgress& progress,
              const target::OnJobThread& on_job_thread);

  void copy(const CopyTask& task, const std::vector<TargetOutcome*>& open) override;
  [[nodiscard]] bool source_lost() const override { return m_board.lost(); }
  void reset(const Error& error) noexcept override;

 private:
  void stream(const CopyTask& task, const std::vector<TargetOutcome*>& open);
  void load_batches(const CopyTask& task, const std::vector<TargetOutcome*>& open, LoadBy by);
  std::int64_t read_batches(pg::CopyReader& reader);
  [[nodiscard]] std::string read_statement(const CopyTask& task, const std::string& options) const;

  const WorkerSettings& m_settings;
  SnapshotBoard& m_board;
  RateLimiter& m_limiter;
  WorkerProgress& m_progress;
  SnapshotSession m_source;
  ChunkLoader m_loader;
  RowBatch m_batch;
};

}  // namespace pgstride::transfer
