// A server as the source of an export's or a copy's rows: one snapshot, kept by holders, under
// which workers COPY out (correctness.md, 1–3). Thread rule of row_source.hpp.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "format/row_encoder.hpp"
#include "handoff/snapshot.hpp"
#include "job/load_plan.hpp"
#include "job/row_source.hpp"
#include "job/slot_watch.hpp"
#include "transfer/snapshot_board.hpp"

namespace pgstride::job {

class ServerSource final : public RowSource {
 public:
  explicit ServerSource(Job& job) : m_job(job), m_slot_watch(job) {}

  void check() override;
  bool open() override;
  void plan() override;
  void close() override { m_holders.reset(); }
  void prepare(const std::vector<const Table*>& tables,
               transfer::WorkerSettings& settings) override;
  std::unique_ptr<transfer::ChunkCopier>
  make_copier(int number, const transfer::WorkerSettings& settings, transfer::RateLimiter& limiter,
              transfer::WorkerProgress& progress,
              const target::OnJobThread& on_job_thread) override;
  void describe(transfer::CopyTask& task, const Chunk& chunk, const Table& table) override;
  [[nodiscard]] std::string consistency(const Table& table) const override;
  [[nodiscard]] TableStarted started(const Table& table) const override;
  void tend() override;
  void hold_until_released() override;

 private:
  /// How rows of a table are made into a file's by this program.
  struct FileFormat {
    std::vector<std::string> select_list;  ///< of the COPY
    std::shared_ptr<const format::RowEncoding> encoding;
  };

  void release_former_holder();
  void choose_formats(pg::Connection& connection, const std::vector<const Table*>& tables);
  void for_file(transfer::CopyTask& task, const Chunk& chunk, const Table& table) const;
  void for_tables(transfer::CopyTask& task, const Chunk& chunk, Table table) const;

  Job& m_job;
  SlotWatch m_slot_watch;
  std::optional<handoff::SnapshotHolders> m_holders;
  LoadPlan m_loads;                                      ///< of a copy
  std::unordered_map<std::int64_t, FileFormat> m_files;  ///< by table; none: the server formats
  std::set<std::uint32_t> m_foreign_views;               ///< that read foreign tables, by oid
  std::optional<transfer::SnapshotBoard> m_board;
};

/// Throws Error (identity) unless the source is the one that the job was planned on; warns of
/// another timeline.
void check_identity(Job& job);

}  // namespace pgstride::job
