// The job's thread at work during a transfer: claims chunks, hands them to workers, records
// results, looks after the source, and decides when to stop. Belongs to the job's thread.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "checkpoint/checkpoint_store.hpp"
#include "job/job.hpp"
#include "job/progress_meter.hpp"
#include "job/row_source.hpp"
#include "job/table_announcer.hpp"
#include "job/transfer_step.hpp"
#include "transfer/worker_pool.hpp"

namespace pgstride::job {

class Coordinator {
 public:
  Coordinator(Job& job, RowSource& source, ProgressMeter& meter, RunLimits& limits);
  TransferResult run();

 private:
  struct TableState {
    checkpoint::TableRecord record;
    std::int64_t left = 0;       ///< deliveries neither done nor failed
    std::int64_t in_flight = 0;  ///< chunks
    bool incomplete = false;     ///< a delivery failed, for whatever reason
  };
  struct InFlight {
    Chunk chunk;
    TableState* table = nullptr;
  };
  void load_tables();
  void count_left();
  [[nodiscard]] transfer::WorkerSettings worker_settings() const;
  [[nodiscard]] std::shared_ptr<transfer::RejectBudget> reject_budget() const;
  [[nodiscard]] transfer::CopyTask task_of(const checkpoint::Claim& claim,
                                           const Table& table) const;
  [[nodiscard]] std::size_t most_in_flight() const;
  [[nodiscard]] bool awaits_parents(const target::TargetTable& table) const;
  [[nodiscard]] bool may_claim() const;

  void step(std::vector<transfer::Message> messages);
  void record(const transfer::TaskDone& done);
  void chunk_done(const ChunkResult& result);
  void worker_left(const Error& why);
  void delivery_failed(TableState& table, const transfer::TargetOutcome& target);
  void table_failed(TableState& table, const transfer::TargetOutcome& target);
  void target_failed(const transfer::TargetOutcome& target);
  void settle_table(TableState& table);
  std::vector<checkpoint::Claim> claim();
  void submit(const checkpoint::Claim& claim);
  void announce(const transfer::TaskDone& done, const InFlight& flight);
  void look_around();
  void stop_claiming(TransferEnd end, const std::string& reason);
  void show_progress();

  Job& m_job;
  RowSource& m_source;
  ProgressMeter& m_meter;
  RunLimits& m_limits;
  TableAnnouncer m_announcer;
  std::stop_source m_cancel;  ///< ours: also when this thread fails
  transfer::WorkerSettings m_settings;
  int m_workers;                         ///< that have a connection, or try to get one
  std::optional<Error> m_no_connection;  ///< why workers have left
  std::unique_ptr<transfer::WorkerPool> m_pool;
  std::unordered_map<std::int64_t, TableState> m_tables;
  std::unordered_map<std::int64_t, InFlight> m_in_flight;
  bool m_claiming = true;
  bool m_exhausted = false;  ///< the last claim found nothing
  TransferResult m_result;
};

}  // namespace pgstride::job
