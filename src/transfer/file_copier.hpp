// Source → chunk file: COPY … TO STDOUT of a chunk's query, written to a file that is left to be
// committed. Belongs to its worker's thread.
#pragma once

#include <vector>

#include "transfer/chunk_copier.hpp"
#include "transfer/rate_limiter.hpp"
#include "transfer/snapshot_board.hpp"
#include "transfer/snapshot_session.hpp"
#include "transfer/worker_settings.hpp"

namespace pgstride::transfer {

class FileCopier final : public ChunkCopier {
 public:
  FileCopier(int number, const WorkerSettings& settings, SnapshotBoard& board, RateLimiter& limiter,
             WorkerProgress& progress);

  void copy(const CopyTask& task, const std::vector<TargetOutcome*>& open) override;
  [[nodiscard]] bool source_lost() const override { return m_board.lost(); }
  void reset(const Error& error) noexcept override { m_source.reset(error); }

 private:
  void copy_to_file(const CopyTask& task, TargetOutcome& target);

  const WorkerSettings& m_settings;
  SnapshotBoard& m_board;
  RateLimiter& m_limiter;
  WorkerProgress& m_progress;
  SnapshotSession m_source;
};

}  // namespace pgstride::transfer
