// The life of a delivery: planned → running → done or failed, and back to planned. Belongs to the
// thread of the database.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "checkpoint/checkpoint_store.hpp"
#include "checkpoint/sqlite_db.hpp"

namespace pgstride::checkpoint {

std::optional<Claim> claim_next(Database& db, int worker, std::int64_t now_us);
void finish_delivery(Database& db, const ChunkResult& result);
std::int64_t release_running_deliveries(Database& db, const std::string& redo_reason);
std::int64_t release_failed_deliveries(Database& db);
std::int64_t set_aside_deliveries(Database& db, std::int64_t table_id, std::int64_t target_id,
                                  const std::string& error);
void settle_delivery(Database& db, const ChunkResult& result, const std::string& redo_reason);
std::int64_t redo_deliveries(Database& db, std::int64_t table_id, std::int64_t target_id,
                             const std::string& reason);
/// What is done of a table for a target (0: for all) is given up.
void raise_generation(Database& db, std::int64_t table_id, std::int64_t target_id);
std::map<std::int64_t, std::int64_t> read_generations(Database& db, std::int64_t target_id);
void redo_delivery(Database& db, std::int64_t chunk_id, const std::string& reason);
void visit_files(Database& db, const std::function<void(const RecordedFile&)>& visit);

}  // namespace pgstride::checkpoint
