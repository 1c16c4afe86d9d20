// The job's targets in the database. Belongs to the thread of the database.
#pragma once

#include <vector>

#include "checkpoint/checkpoint_store.hpp"
#include "checkpoint/sqlite_db.hpp"

namespace pgstride::checkpoint {

void replace_targets(Database& db, const std::vector<TargetRecord>& targets);
void update_target(Database& db, const TargetRecord& target);
std::vector<TargetRecord> read_targets(Database& db);

}  // namespace pgstride::checkpoint
