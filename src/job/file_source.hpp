// Files as the source of an import's rows. Thread rule of row_source.hpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "job/file_loads.hpp"
#include "job/input_files.hpp"
#include "job/row_source.hpp"

namespace pgstride::job {

class FileSource final : public RowSource {
 public:
  explicit FileSource(Job& job) : m_job(job) {}

  void check() override;
  bool open() override;
  void plan() override;
  void close() override {}
  void prepare(const std::vector<const Table*>& /*tables*/,
               transfer::WorkerSettings& /*settings*/) override {}
  std::unique_ptr<transfer::ChunkCopier>
  make_copier(int number, const transfer::WorkerSettings& settings, transfer::RateLimiter& limiter,
              transfer::WorkerProgress& progress,
              const target::OnJobThread& on_job_thread) override;
  void describe(transfer::CopyTask& task, const Chunk& chunk, const Table& table) override;
  /// As the export says; of other files nothing is known.
  [[nodiscard]] std::string consistency(const Table& /*table*/) const override {
    return m_job.record.consistency;
  }
  [[nodiscard]] TableStarted started(const Table& table) const override;
  void tend() override {}
  void hold_until_released() override {}

 private:
  Job& m_job;
  std::unique_ptr<InputFiles> m_files;
  FileLoads m_loads;
};

}  // namespace pgstride::job
