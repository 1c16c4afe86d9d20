// How the rows of an import's files go into its targets' tables: known before the first byte.
// Functions; the job's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "format/column_filter.hpp"
#include "job/input_files.hpp"
#include "job/job.hpp"
#include "transfer/load_way.hpp"
#include "transfer/task.hpp"

namespace pgstride::job {

/// How the files of one table are loaded.
struct FileLoad {
  std::map<std::int64_t, std::string> copy_sql;  ///< by target
  /// By target, where the job may truncate the table: for a table of one chunk.
  std::map<std::int64_t, transfer::FrozenLoad> frozen;
  std::map<std::int64_t, std::shared_ptr<const transfer::LoadWay>> ways;  ///< by target
  std::shared_ptr<const format::KeptColumns> kept;  ///< none: all columns are loaded
};

/// By table id.
using FileLoads = std::map<std::int64_t, FileLoad>;

/// Compares the files' columns with those of every target that is not set aside. Tells warnings.
/// Throws Error (usage) naming all that can't be loaded; connection, server.
FileLoads plan_file_loads(Job& job, const RowShape& shape, const std::vector<Table>& tables);

}  // namespace pgstride::job
