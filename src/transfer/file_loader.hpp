// Files → tables of databases: a range of a file is read once, through its decompressor, and loaded
// into each target. Belongs to its worker's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "transfer/chunk_copier.hpp"
#include "transfer/chunk_loader.hpp"
#include "transfer/rate_limiter.hpp"
#include "transfer/worker_settings.hpp"

namespace pgstride::transfer {

class FileLoader final : public ChunkCopier {
 public:
  FileLoader(int number, const WorkerSettings& settings, RateLimiter& limiter,
             WorkerProgress& progress);

  void copy(const CopyTask& task, const std::vector<TargetOutcome*>& open) override;
  [[nodiscard]] bool source_lost() const override { return false; }
  void reset(const Error& /*error*/) noexcept override { m_loader.reset(); }

 private:
  void load(const CopyTask& task);
  std::int64_t read(const FileRange& range);
  void show(const FileRange& range, std::int64_t taken);
  void feed(std::string_view bytes);

  const WorkerSettings& m_settings;
  RateLimiter& m_limiter;
  WorkerProgress& m_progress;
  ChunkLoader m_loader;
  std::vector<pg::CopyWriter*> m_writers;  ///< of the present chunk; null: failed
  std::size_t m_live = 0;
  std::int64_t m_lines_before = 0;  ///< of the file, before the line that the server calls 0
};

}  // namespace pgstride::transfer
