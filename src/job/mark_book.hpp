// The book of a load without a ledger: in the checkpoint, by marks of the commits (commit_mark.hpp;
// correctness.md, 5). Nothing is written into the target but rows and truncations. Belongs to the
// job's thread; its gates to workers.
//
// A chunk is booked durably, with its mark and counts, before its COMMIT is sent, and done once the
// COMMIT was heard of. What lies between is asked of the server when the job goes on, or the chunk
// is tried again. Where nobody can tell any more, its table is loaded again whole. The same holds
// of a transaction that empties tables.
//
// What it can't do and a ledger can: keep a copy of the job's directory from loading the same, and
// notice, between two runs, a target that was restored from a backup and has written more since
// than it had lost.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "checkpoint/book_store.hpp"
#include "job/job.hpp"
#include "job/mark_gate.hpp"
#include "target/load_book.hpp"
#include "target/truncate.hpp"

namespace pgstride::job {

class MarkBook final : public target::LoadBook {
 public:
  /// The job outlives this.
  MarkBook(Job& job, std::int64_t target_id) : m_job(job), m_target_id(target_id) {}

  void enter(pg::Connection& connection, bool must_exist,
             const target::WaitingForZombies& waiting) override;
  [[nodiscard]] target::RefusedTables untold() const override { return m_untold; }
  std::vector<target::BookedTable> tables(pg::Connection& connection) override;
  std::vector<target::BookedChunk> chunks(pg::Connection& connection) override;
  target::RefusedTables start_tables(pg::Connection& connection,
                                     const std::vector<target::BookedTable>& tables,
                                     bool truncate) override;
  void check(pg::Connection& connection) override;
  void chunk_done(std::int64_t chunk_id) override;
  bool knows_job(pg::Connection& connection) override;
  void check_discard(pg::Connection& connection,
                     const std::map<std::string, target::TableName>& names) override;
  void discard(pg::Connection& connection,
               const std::map<std::string, target::TableName>& names) override;
  bool forget(pg::Connection& connection) override;
  std::unique_ptr<target::ChunkGate> gate(target::GateTools tools) override;

 private:
  [[nodiscard]] checkpoint::BookStore& store() const { return m_job.store->books(); }
  void check_exists();
  void settle(pg::Connection& connection);
  void settle_emptying(pg::Connection& connection);
  void settle_chunks(pg::Connection& connection);
  target::CommitAnswer ask(pg::Connection& connection, const std::string& mark);
  void mark_emptying(pg::Connection& connection, checkpoint::BookEmptying& emptying);
  target::RefusedTables perhaps_lost(const target::ServerState& now);
  std::vector<target::BookedTable> loaded_tables(pg::Connection& connection);
  target::AddedTo rows_added();

  Job& m_job;
  std::int64_t m_target_id;
  target::RefusedTables m_untold;
  target::RefusedTables m_lost;  ///< those that the server may have lost something of
  MarkedChunks m_marked;
};

}  // namespace pgstride::job
