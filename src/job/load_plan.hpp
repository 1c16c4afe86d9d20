// How each table of a job goes into its targets: which columns, in which format, by which
// statement. Known before the first byte. Functions; the job's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "job/job.hpp"
#include "target/column_match.hpp"
#include "transfer/load_way.hpp"
#include "transfer/task.hpp"

namespace pgstride::job {

/// How one table (a leaf) is read and loaded.
struct TableLoad {
  std::vector<Column> columns;                   ///< read from the source, loaded into each target
  Format wire = Format::text;                    ///< binary or text
  std::string reason;                            ///< of text
  std::map<std::int64_t, std::string> copy_sql;  ///< by target: COPY … FROM STDIN
  /// By target, where the job may truncate the table: for a table of one chunk.
  std::map<std::int64_t, transfer::FrozenLoad> frozen;
  /// By target, where rows are upserted for those that it held: its table, if a chunk's range can
  /// be asked for there.
  std::map<std::int64_t, target::TableName> by_range;
  /// By target: which way rows go there; none where the job is done.
  std::map<std::int64_t, std::shared_ptr<const transfer::LoadWay>> ways;
};

/// By table id.
using LoadPlan = std::map<std::int64_t, TableLoad>;

/// Why a child by inheritance, which stands under its parent's name, can't be loaded; none for any
/// other table.
std::optional<target::Difference> child_difference(const Table& table);

/// The key of a table in books: its root's name, quoted and qualified.
std::string table_key(const Table& table);

/// What a table is called on the targets, by --map.
target::TableName target_name(const LoadOptions& load, const Table& table);

/// The tables that the job loads, by their names on the targets, each once.
std::vector<target::TableName> target_names(Job& job);
/// Throws Error (usage) if an entry of --map does not name exactly one of the job's tables.
void check_map(Job& job);

/// By key: how often something of the table was given up for a target, all its leaves together.
std::map<std::string, std::int64_t> root_generations(checkpoint::CheckpointStore& store,
                                                     std::int64_t target_id);

/// By table key: whether a target's table held rows of others when the job began, as far as the
/// target's book knows.
std::map<std::string, bool> known_to_hold_rows(const JobTarget& target, pg::Connection& connection);

/// Foreign keys that rows of the job may come before, while they are checked.
std::vector<target::Difference> order_differences(const LoadOptions& load,
                                                  const std::vector<target::TargetTable>& tables);

/// Compares the tables with those of every target that is not set aside. Tells warnings. Throws
/// Error (usage) naming all that can't be loaded; connection, server.
LoadPlan plan_loads(Job& job, pg::Connection& source, const std::vector<Table>& tables);

}  // namespace pgstride::job
