// The job's slot at its source, who reads from it, and which tables it tells of. Belongs to the
// thread of the database.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "checkpoint/checkpoint_store.hpp"
#include "checkpoint/sqlite_db.hpp"

namespace pgstride::checkpoint {

/// Makes what these functions need.
extern const char* const k_slot_tables;

/// In a checkpoint of a version without slots there is none, and no table is published.
std::optional<SlotRecord> read_slot(Database& db);
void write_slot(Database& db, const SlotRecord& slot);

std::map<std::int64_t, PublishedTable> read_published(Database& db);
void write_published(Database& db, std::int64_t table_id, const PublishedTable& published);

std::vector<ConsumerRecord> read_consumers(Database& db);
void write_consumer(Database& db, const ConsumerRecord& consumer);

}  // namespace pgstride::checkpoint
