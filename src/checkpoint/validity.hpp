// Until where what was delivered holds, and what has to be delivered again because its rows changed
// since (correctness.md, 3). Belongs to the thread of the database.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/checkpoint_store.hpp"
#include "checkpoint/sqlite_db.hpp"

namespace pgstride::checkpoint {

/// Makes what these functions need, besides delivery.needed_lsn.
extern const char* const k_validity_tables;

void mark_dirty(Database& db, std::int64_t chunk_id, std::int64_t target_id, Lsn needed,
                const std::string& reason);
void raise_valid_lsn(Database& db, std::int64_t table_id, Lsn lsn, const std::string& snapshot);
std::vector<RedoneChunks> read_redone(Database& db);

void replace_memberships(Database& db, const std::map<std::int64_t, std::string>& memberships);
std::map<std::int64_t, std::string> read_memberships(Database& db);

}  // namespace pgstride::checkpoint
