#include "target/unload.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/crash_point.hpp"
#include "pg/quote.hpp"
#include "target/ledger_parts.hpp"
#include "target/truncate.hpp"

namespace pgstride::target {

std::string deletion_obstacle(const TargetTable& table, bool by_replica) {
  if (by_replica) {
    return "";
  }
  const auto cascading =
      std::find_if(table.references.begin(), table.references.end(),
                   [](const Reference& reference) { return reference.cascades; });
  if (cascading != table.references.end()) {
    return fmt::format("foreign key {} of {} would delete or change rows there",
                       cascading->constraint, cascading->table.display());
  }
  return table.triggers.empty()
             ? ""
             : fmt::format("its trigger {} may act on it", table.triggers.front());
}

namespace {

// Empty, or what else is there than the chunk.
std::string delete_rows(pg::Connection& connection, const std::string& table,
                        const LoadedRange& range) {
  const auto deleted = connection
                           .exec("DELETE FROM " + table +
                                 (range.condition.empty() ? "" : " WHERE " + range.condition))
                           .affected();
  return deleted == range.rows
             ? ""
             : fmt::format("it holds {} rows where the job has loaded {}, so some are of somebody "
                           "else or were taken out",
                           deleted, range.rows);
}

}  // namespace

std::string unload_chunks(pg::Connection& connection, const LedgerRun& run, const TableName& table,
                          const std::vector<LoadedRange>& ranges) {
  connection.exec(k_begin_loading);
  try {
    share_epoch(connection, run);
    const auto name = to_be_emptied(connection, table);
    for (const auto& range : ranges) {
      if (auto why = delete_rows(connection, name, range); !why.empty()) {
        connection.abandon_transaction();
        return why;
      }
      connection.exec(fmt::format("DELETE FROM pgstride.chunk WHERE job = {} AND chunk IN ({})",
                                  pg::quote_literal(run.job), fmt::join(range.chunk_ids, ", ")));
    }
    crash_point("unload_before_commit");
    connection.exec("COMMIT");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::server || error.is_transient() || !connection.usable()) {
      throw;
    }
    connection.abandon_transaction();
    return error.what();
  }
  crash_point("unload_after_commit");
  return "";
}

}  // namespace pgstride::target
