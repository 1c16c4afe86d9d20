// The databases' side of a chunk: in each target a transaction with the chunk's entry in the
// target's ledger, and a COPY … FROM STDIN that runs in it (correctness.md, 5). Belongs to its
// worker's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pg/copy_writer.hpp"
#include "transfer/task.hpp"
#include "transfer/worker_settings.hpp"

namespace pgstride::transfer {

class ChunkLoader {
 public:
  ChunkLoader(int number, const WorkerSettings& settings);
  ChunkLoader(const ChunkLoader&) = delete;
  ChunkLoader& operator=(const ChunkLoader&) = delete;
  ~ChunkLoader();

  /// Begins on each target of `open` that does not have the chunk yet; one that has it is done at
  /// once, one where that fails has its error set.
  void begin(const CopyTask& task, const std::vector<TargetOutcome*>& open, Lsn valid_lsn,
             const std::string& snapshot);
  /// The COPYs that run, numbered for fail().
  [[nodiscard]] std::vector<pg::CopyWriter*> writers();
  /// Leaves a target out; the others go on.
  void fail(std::size_t number, const Error& error) noexcept;
  /// Ends the COPYs and commits, where the target has taken as many rows as were read (none: that
  /// is not known).
  void commit(const CopyTask& task, std::optional<std::int64_t> rows_read, std::int64_t bytes);
  /// Gives up what was begun, and sessions that can't be used any more.
  void reset() noexcept;

 private:
  struct Receiver;

  pg::Connection& session(const LoadTarget& target);
  bool begin(Receiver& receiver);
  void commit(const CopyTask& task, Receiver& receiver, std::optional<std::int64_t> rows_read);
  void fail(Receiver& receiver, const Error& error) noexcept;

  int m_number;
  const WorkerSettings& m_settings;
  std::map<std::int64_t, pg::Connection> m_sessions;  ///< by target
  std::vector<Receiver> m_receivers;                  ///< that have a COPY, or had one and failed
};

}  // namespace pgstride::transfer
