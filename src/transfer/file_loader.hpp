// Files → tables of databases: a range of a file is read once, through its decompressor, and loaded
// into each target, by COPY as it is read or in batches; once more, in batches, where bad rows are
// to be told from good ones. Belongs to its worker's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "transfer/chunk_copier.hpp"
#include "transfer/chunk_loader.hpp"
#include "transfer/file_rows.hpp"
#include "transfer/rate_limiter.hpp"
#include "transfer/row_pieces.hpp"
#include "transfer/worker_settings.hpp"

namespace pgstride::transfer {

class FileLoader final : public ChunkCopier {
 public:
  FileLoader(int number, const WorkerSettings& settings, RateLimiter& limiter,
             WorkerProgress& progress, const target::OnJobThread& on_job_thread);

  void copy(const CopyTask& task, const std::vector<TargetOutcome*>& open) override;
  [[nodiscard]] bool source_lost() const override { return false; }
  void reset(const Error& /*error*/) noexcept override { m_loader.reset(); }

 private:
  void load(const CopyTask& task, const std::vector<TargetOutcome*>& open, LoadBy by);
  void load_rows(const CopyTask& task, LoadBy by);
  std::int64_t read(const CopyTask& task, LoadBy by);
  void show(const FileRange& range, std::int64_t taken);
  void feed(std::string_view bytes);
  void load_batch(RowBatch& batch);

  const WorkerSettings& m_settings;
  RateLimiter& m_limiter;
  WorkerProgress& m_progress;
  ChunkLoader m_loader;
  std::vector<pg::CopyWriter*> m_writers;  ///< of the present chunk; null: failed
  std::size_t m_live = 0;
  std::optional<RowPieces> m_pieces;  ///< of batches
  std::optional<FileRows> m_rows;     ///< of what is read
};

}  // namespace pgstride::transfer
