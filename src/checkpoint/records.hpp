// Job, tables and events in the database. Belongs to the thread of the database.
#pragma once

#include <optional>
#include <vector>

#include "checkpoint/checkpoint_store.hpp"
#include "checkpoint/sqlite_db.hpp"

namespace pgstride::checkpoint {

std::optional<JobRecord> read_job(Database& db);
void write_job(Database& db, const JobRecord& job);

std::int64_t insert_table(Database& db, const Table& table);
void update_table(Database& db, const TableRecord& record);
std::vector<TableRecord> read_tables(Database& db);

void insert_event(Database& db, const EventRecord& event);
std::vector<EventRecord> read_events(Database& db);

}  // namespace pgstride::checkpoint
