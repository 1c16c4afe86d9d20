// How a worker loads chunks into a target without a ledger (mark_book.hpp). A gate belongs to its
// worker's thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "checkpoint/book_store.hpp"
#include "job/job.hpp"
#include "target/commit_mark.hpp"
#include "target/load_book.hpp"

namespace pgstride::job {

/// What a target's book and its gates share: the server that the book was entered on, and the
/// chunks whose COMMIT may have been sent, and was not heard of. Any thread.
class MarkedChunks {
 public:
  /// Forgets the chunks.
  void enter(const target::ServerState& server);
  /// False where the server is not the one that was entered, or was started anew: what it has lost
  /// must be known before anything is written, as that hides it.
  bool is_on(const target::ServerState& server);

  void put(const checkpoint::BookChunkRecord& chunk);
  void erase(std::int64_t chunk_id);
  std::optional<checkpoint::BookChunkRecord> find(std::int64_t chunk_id);

 private:
  std::mutex m_mutex;
  target::ServerState m_server;
  std::map<std::int64_t, checkpoint::BookChunkRecord> m_chunks;
};

class MarkGate final : public target::ChunkGate {
 public:
  /// `job` is used on its own thread only; it and `marked` outlive this.
  MarkGate(Job& job, std::int64_t target_id, MarkedChunks& marked, target::GateTools tools);

  bool begin(pg::Connection& connection, const target::ChunkEntry& entry,
             LoadCounts& counts) override;
  void commit(pg::Connection& connection, const target::ChunkEntry& entry,
              const LoadCounts& counts) override;

 private:
  target::CommitMarker& marker();
  bool is_in(pg::Connection& connection, const checkpoint::BookChunkRecord& chunk);

  Job& m_job;
  std::int64_t m_target_id;
  MarkedChunks& m_marked;
  target::GateTools m_tools;
  std::optional<target::CommitMarker> m_marker;
};

/// What is told while a commit is waited for.
void tell_of_wait(Job& job, std::int64_t target_id, const std::string& who);

}  // namespace pgstride::job
