// The databases' side of a chunk: in each target a transaction with the chunk's entry in the
// target's book, and what loads the rows in it: one COPY … FROM STDIN, or batches
// (correctness.md, 5). Belongs to its worker's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pg/copy_writer.hpp"
#include "target/load_book.hpp"
#include "transfer/batch_size.hpp"
#include "transfer/row_batch.hpp"
#include "transfer/task.hpp"
#include "transfer/worker_settings.hpp"

namespace pgstride::transfer {

/// How a chunk's rows come in.
enum class LoadBy {
  copy,              ///< by one COPY, as they are read
  batches,           ///< by CopyTask::ways
  batches_immediate  ///< constraints that may be deferred are looked at in each batch, not at
                     ///< COMMIT
};

/// Of a chunk's targets, those that take it in batches.
bool comes_in_batches(const CopyTask& task, const TargetOutcome& outcome);

/// True if a target's error is one of the rows, and bad rows are to be rejected.
bool is_isolatable(const WorkerSettings& settings, const TargetOutcome& outcome);

/// True if a target that takes batches took the chunk by COPY, and has rows of the same key by now.
bool is_in_conflict(const CopyTask& task, const TargetOutcome& outcome);

class ChunkLoader {
 public:
  ChunkLoader(int number, const WorkerSettings& settings, target::OnJobThread on_job_thread);
  ChunkLoader(const ChunkLoader&) = delete;
  ChunkLoader& operator=(const ChunkLoader&) = delete;
  ~ChunkLoader();

  /// True if CopyTask::occupied_sql finds no row, so that there is nothing to be in conflict with.
  bool is_vacant(const CopyTask& task, const TargetOutcome& outcome);
  /// Begins on each target of `open` that does not have the chunk yet; one that has it is done at
  /// once, one where that fails has its error set.
  void begin(const CopyTask& task, const std::vector<TargetOutcome*>& open, Lsn valid_lsn,
             const std::string& snapshot, LoadBy by = LoadBy::copy);
  /// The COPYs that run, numbered for fail().
  [[nodiscard]] std::vector<pg::CopyWriter*> writers();
  /// In batches: how many targets take any.
  [[nodiscard]] std::size_t live() const;
  /// Loads rows into each of them; one that refuses is left out.
  void load(const RowBatch& batch);
  /// Leaves a target out; the others go on.
  void fail(std::size_t number, const Error& error) noexcept;
  /// Ends the COPYs and commits, where the target has taken as many rows as were read (none: that
  /// is not known). What is rejected is durable before.
  void commit(const CopyTask& task, std::optional<std::int64_t> rows_read, std::int64_t bytes);
  /// Gives up what was begun, and sessions that can't be used any more.
  void reset() noexcept;

 private:
  struct Receiver;

  [[nodiscard]] const LoadTarget& target_of(const TargetOutcome& outcome) const;
  [[nodiscard]] pg::Connection connect(const LoadTarget& target, char role) const;
  pg::Connection& session(const LoadTarget& target);
  target::ChunkGate& gate(const LoadTarget& target);
  bool begin(const CopyTask& task, Receiver& receiver);
  void take_in(const CopyTask& task, Receiver& receiver, LoadBy by);
  void commit(const CopyTask& task, Receiver& receiver, std::optional<std::int64_t> rows_read);
  void fail(Receiver& receiver, const Error& error) noexcept;

  int m_number;
  const WorkerSettings& m_settings;
  target::OnJobThread m_on_job_thread;
  std::map<std::int64_t, pg::Connection> m_sessions;                   ///< by target
  std::map<std::int64_t, std::unique_ptr<target::ChunkGate>> m_gates;  ///< by target
  std::map<std::int64_t, BatchSize> m_sizes;                           ///< by target
  std::vector<Receiver> m_receivers;  ///< that have a COPY, or had one and failed
};

}  // namespace pgstride::transfer
