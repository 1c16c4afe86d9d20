// The job's targets, and the files of an import, in the database. Belongs to the thread of the
// database.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/checkpoint_store.hpp"
#include "checkpoint/sqlite_db.hpp"

namespace pgstride::checkpoint {

void replace_targets(Database& db, const std::vector<TargetRecord>& targets);
void update_target(Database& db, const TargetRecord& target);
std::vector<TargetRecord> read_targets(Database& db);

void replace_deferred(Database& db, std::int64_t target_id,
                      const std::vector<std::string>& objects);
std::vector<std::string> read_deferred(Database& db, std::int64_t target_id);

void replace_inputs(Database& db, const std::vector<InputRecord>& inputs);
std::vector<InputRecord> read_inputs(Database& db);

}  // namespace pgstride::checkpoint
