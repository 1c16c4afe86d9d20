// Which way a table's rows go into a target, as --mode, --on-conflict and --touch ask. Functions;
// any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/options.hpp"
#include "target/column_match.hpp"
#include "target/load_sql.hpp"
#include "target/target_table.hpp"
#include "transfer/load_way.hpp"

namespace pgstride::job {

/// Throws Error (usage) for options of loading that contradict each other.
void check_load(const LoadOptions& load);

/// What is to be loaded, and into what.
struct WayInto {
  const target::TargetTable* target = nullptr;
  std::vector<std::string> columns;  ///< loaded
  std::vector<std::string> key;      ///< --key; empty: none was named
  bool held_rows = false;            ///< before the job, of somebody else
  bool entered = false;              ///< the job has loaded it already, or was about to
  format::RowFormat rows;            ///< how rows come in batches
  format::RowDialect dialect;        ///< where each of them ends, in files
  std::string copy_options;          ///< of them, besides FORMAT
  bool known_rows = true;  ///< format::RowReader reads them, but for what COPY does not write
  bool written_by_copy = true;
};

/// Throws Error (usage) where the options can't be had with this table.
std::shared_ptr<const transfer::LoadWay> choose_way(const LoadOptions& load, const WayInto& into);

/// What is to be told of a way before it is gone: columns that an upsert does not update, and that
/// this user may not make the temporary tables that it needs (an error).
std::vector<target::Difference> way_differences(const transfer::LoadWay& way,
                                                pg::Connection& connection);

/// Unique indexes that this way needs while it loads, which --defer-indexes must leave there.
std::vector<std::string> needed_indexes(const transfer::LoadWay& way);

}  // namespace pgstride::job
