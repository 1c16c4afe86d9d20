// The checkpoint in SQLite: `checkpoint.db` of the job's directory. Belongs to the job's own
// thread.
#pragma once

#include "checkpoint/checkpoint_store.hpp"
#include "checkpoint/sqlite_books.hpp"
#include "checkpoint/sqlite_db.hpp"

namespace pgstride::checkpoint {

class SqliteStore final : public CheckpointStore {
 public:
  /// A database whose version was checked.
  explicit SqliteStore(std::unique_ptr<Database> db) : m_db(std::move(db)), m_books(*m_db) {}

  std::unique_ptr<Batch> batch() override;

  std::optional<JobRecord> job() override;
  void put_job(const JobRecord& job) override;

  void set_targets(const std::vector<TargetRecord>& targets) override;
  void put_target(const TargetRecord& target) override;
  std::vector<TargetRecord> targets() override;
  void put_deferred(std::int64_t target_id, const std::vector<std::string>& objects) override;
  std::vector<std::string> deferred(std::int64_t target_id) override;
  std::optional<SlotRecord> slot() override;
  void put_slot(const SlotRecord& slot) override;
  std::map<std::int64_t, PublishedTable> published() override;
  void put_published(std::int64_t table_id, const PublishedTable& published) override;
  std::vector<ConsumerRecord> consumers() override;
  void put_consumer(const ConsumerRecord& consumer) override;
  void put_inputs(const std::vector<InputRecord>& inputs) override;
  std::vector<InputRecord> inputs() override;

  std::int64_t add_table(const Table& table) override;
  void put_table(const TableRecord& record) override;
  std::vector<TableRecord> tables() override;

  void add_chunks(std::int64_t rank, std::span<const Chunk> chunks) override;
  void drop_chunks(std::int64_t table_id) override;

  std::optional<Claim> claim(int worker, std::int64_t now_us) override;
  void finish(const ChunkResult& result) override;
  std::int64_t release_running(const std::string& redo_reason) override;
  std::int64_t release_failed() override;
  std::int64_t set_aside(std::int64_t table_id, std::int64_t target_id,
                         const std::string& error) override;
  void settle(const ChunkResult& result, const std::string& redo_reason) override;
  std::int64_t redo_table(std::int64_t table_id, std::int64_t target_id,
                          const std::string& reason) override;
  std::map<std::int64_t, std::int64_t> generations(std::int64_t target_id) override;
  void redo_chunk(std::int64_t chunk_id, const std::string& reason) override;
  void redo_dirty(std::int64_t chunk_id, std::int64_t target_id, Lsn needed,
                  const std::string& reason) override;
  void raise_valid(std::int64_t table_id, Lsn lsn, const std::string& snapshot) override;
  std::vector<RedoneChunks> redone() override;
  void put_memberships(const std::map<std::int64_t, std::string>& memberships) override;
  std::map<std::int64_t, std::string> memberships() override;

  std::vector<TableTotals> totals() override;
  std::vector<TableTotals> totals_of_targets() override;
  std::int64_t next_number(const std::string& schema, const std::string& name) override;
  void each_delivery(std::int64_t table_id, const std::string& state,
                     const std::function<void(const Delivery&)>& visit) override;
  void each_file(const std::function<void(const RecordedFile&)>& visit) override;

  BookStore& books() override { return m_books; }

  void add_event(const EventRecord& event) override;
  std::vector<EventRecord> events() override;

 private:
  std::unique_ptr<Database> m_db;
  SqliteBooks m_books;
};

}  // namespace pgstride::checkpoint
