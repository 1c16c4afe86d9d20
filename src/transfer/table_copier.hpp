// Source → tables of databases: a chunk is read once and loaded into each target in a transaction
// of its own, with its entry in the target's ledger (correctness.md, 5). Belongs to its worker's
// thread.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "pg/connection.hpp"
#include "pg/copy_reader.hpp"
#include "transfer/chunk_copier.hpp"
#include "transfer/rate_limiter.hpp"
#include "transfer/snapshot_board.hpp"
#include "transfer/snapshot_session.hpp"
#include "transfer/worker_settings.hpp"

namespace pgstride::transfer {

class TableCopier final : public ChunkCopier {
 public:
  TableCopier(int number, const WorkerSettings& settings, SnapshotBoard& board,
              RateLimiter& limiter, WorkerProgress& progress);

  void copy(const CopyTask& task, const std::vector<TargetOutcome*>& open) override;
  [[nodiscard]] bool source_lost() const override { return m_board.lost(); }
  void reset(const Error& error) noexcept override;

 private:
  struct Receiver;

  pg::Connection& session(const LoadTarget& target);
  bool begin(Receiver& receiver);
  void stream(const CopyTask& task, std::vector<Receiver>& receivers);
  void commit(const CopyTask& task, Receiver& receiver, std::int64_t rows_read);
  void fail(Receiver& receiver, const Error& error) noexcept;

  int m_number;
  const WorkerSettings& m_settings;
  SnapshotBoard& m_board;
  RateLimiter& m_limiter;
  WorkerProgress& m_progress;
  SnapshotSession m_source;
  std::map<std::int64_t, pg::Connection> m_sessions;  ///< by target
};

}  // namespace pgstride::transfer
