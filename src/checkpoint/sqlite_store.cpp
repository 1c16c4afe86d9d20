#include "checkpoint/sqlite_store.hpp"

#include "base/crash_point.hpp"
#include "checkpoint/chunk_rows.hpp"
#include "checkpoint/deliveries.hpp"
#include "checkpoint/records.hpp"
#include "checkpoint/slot_rows.hpp"
#include "checkpoint/targets.hpp"
#include "checkpoint/validity.hpp"

namespace pgstride::checkpoint {

namespace {

class SqliteBatch final : public CheckpointStore::Batch {
 public:
  explicit SqliteBatch(Database& db) : m_transaction(db) {}
  void commit() override {
    crash_point("checkpoint_before_commit");
    m_transaction.commit();
    crash_point("checkpoint_after_commit");
  }

 private:
  Transaction m_transaction;
};

}  // namespace

std::unique_ptr<CheckpointStore::Batch> SqliteStore::batch() {
  return std::make_unique<SqliteBatch>(*m_db);
}

std::optional<JobRecord> SqliteStore::job() {
  return read_job(*m_db);
}
void SqliteStore::put_job(const JobRecord& job) {
  write_job(*m_db, job);
}

void SqliteStore::set_targets(const std::vector<TargetRecord>& targets) {
  replace_targets(*m_db, targets);
}
void SqliteStore::put_target(const TargetRecord& target) {
  update_target(*m_db, target);
}
std::vector<TargetRecord> SqliteStore::targets() {
  return read_targets(*m_db);
}

void SqliteStore::put_deferred(std::int64_t target_id, const std::vector<std::string>& objects) {
  replace_deferred(*m_db, target_id, objects);
}
std::optional<SlotRecord> SqliteStore::slot() {
  return read_slot(*m_db);
}
void SqliteStore::put_slot(const SlotRecord& slot) {
  write_slot(*m_db, slot);
}
std::map<std::int64_t, PublishedTable> SqliteStore::published() {
  return read_published(*m_db);
}
void SqliteStore::put_published(std::int64_t table_id, const PublishedTable& published) {
  write_published(*m_db, table_id, published);
}
std::vector<ConsumerRecord> SqliteStore::consumers() {
  return read_consumers(*m_db);
}
void SqliteStore::put_consumer(const ConsumerRecord& consumer) {
  write_consumer(*m_db, consumer);
}

void SqliteStore::put_inputs(const std::vector<InputRecord>& inputs) {
  replace_inputs(*m_db, inputs);
}
std::vector<InputRecord> SqliteStore::inputs() {
  return read_inputs(*m_db);
}
std::vector<std::string> SqliteStore::deferred(std::int64_t target_id) {
  return read_deferred(*m_db, target_id);
}

std::int64_t SqliteStore::add_table(const Table& table) {
  return insert_table(*m_db, table);
}
void SqliteStore::put_table(const TableRecord& record) {
  update_table(*m_db, record);
}
std::vector<TableRecord> SqliteStore::tables() {
  return read_tables(*m_db);
}

void SqliteStore::add_chunks(std::int64_t rank, std::span<const Chunk> chunks) {
  insert_chunks(*m_db, rank, chunks);
}
void SqliteStore::drop_chunks(std::int64_t table_id) {
  delete_chunks(*m_db, table_id);
}

std::optional<Claim> SqliteStore::claim(int worker, std::int64_t now_us) {
  return claim_next(*m_db, worker, now_us);
}
void SqliteStore::finish(const ChunkResult& result) {
  finish_delivery(*m_db, result);
}
std::int64_t SqliteStore::release_running(const std::string& redo_reason) {
  return release_running_deliveries(*m_db, redo_reason);
}
std::int64_t SqliteStore::release_failed() {
  return release_failed_deliveries(*m_db);
}
std::int64_t SqliteStore::set_aside(std::int64_t table_id, std::int64_t target_id,
                                    const std::string& error) {
  return set_aside_deliveries(*m_db, table_id, target_id, error);
}
void SqliteStore::settle(const ChunkResult& result, const std::string& redo_reason) {
  settle_delivery(*m_db, result, redo_reason);
}
std::int64_t SqliteStore::redo_table(std::int64_t table_id, std::int64_t target_id,
                                     const std::string& reason) {
  return redo_deliveries(*m_db, table_id, target_id, reason);
}

std::map<std::int64_t, std::int64_t> SqliteStore::generations(std::int64_t target_id) {
  return read_generations(*m_db, target_id);
}
void SqliteStore::redo_chunk(std::int64_t chunk_id, const std::string& reason) {
  redo_delivery(*m_db, chunk_id, reason);
}
void SqliteStore::redo_dirty(std::int64_t chunk_id, std::int64_t target_id, Lsn needed,
                             const std::string& reason) {
  mark_dirty(*m_db, chunk_id, target_id, needed, reason);
}
void SqliteStore::raise_valid(std::int64_t table_id, Lsn lsn, const std::string& snapshot) {
  raise_valid_lsn(*m_db, table_id, lsn, snapshot);
}
std::vector<RedoneChunks> SqliteStore::redone() {
  return read_redone(*m_db);
}
void SqliteStore::put_memberships(const std::map<std::int64_t, std::string>& memberships) {
  replace_memberships(*m_db, memberships);
}
std::map<std::int64_t, std::string> SqliteStore::memberships() {
  return read_memberships(*m_db);
}

std::vector<TableTotals> SqliteStore::totals() {
  return read_totals(*m_db);
}
std::vector<TableTotals> SqliteStore::totals_of_targets() {
  return read_target_totals(*m_db);
}
std::int64_t SqliteStore::next_number(const std::string& schema, const std::string& name) {
  return next_chunk_number(*m_db, schema, name);
}
void SqliteStore::each_delivery(std::int64_t table_id, const std::string& state,
                                const std::function<void(const Delivery&)>& visit) {
  visit_deliveries(*m_db, table_id, state, visit);
}
void SqliteStore::each_file(const std::function<void(const RecordedFile&)>& visit) {
  visit_files(*m_db, visit);
}

void SqliteStore::add_event(const EventRecord& event) {
  insert_event(*m_db, event);
}
std::vector<EventRecord> SqliteStore::events() {
  return read_events(*m_db);
}

}  // namespace pgstride::checkpoint
