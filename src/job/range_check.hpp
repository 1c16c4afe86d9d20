// Whether a target has rows where a chunk's would go: `--mode auto` needs to upsert only there.
// Pure functions; any thread.
#pragma once

#include <string>

#include "pgstride/chunk.hpp"
#include "pgstride/options.hpp"
#include "pgstride/table.hpp"
#include "target/table_name.hpp"
#include "transfer/load_way.hpp"

namespace pgstride::job {

/// True if every row of the target that could be in conflict with one of a chunk is in the chunk's
/// range there: the table is cut along columns that its conflict key begins with, of built-in types
/// that have one order on all servers; and `auto` chose to upsert because of rows that are there.
bool can_ask_by_range(const LoadOptions& load, const Table& table, const transfer::LoadWay& way);

/// A query for whether the target's table has rows in the range of a chunk; empty for rows with
/// NULL in the key.
std::string occupied_sql(Table table, const Chunk& chunk, const target::TableName& target);

}  // namespace pgstride::job
