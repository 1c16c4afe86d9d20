#include "target/unload.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/crash_point.hpp"
#include "pg/quote.hpp"
#include "target/ledger_parts.hpp"
#include "target/truncate.hpp"

namespace pgstride::target {

std::string deletion_obstacle(const TargetTable& table, bool by_replica) {
  const auto cascading =
      std::find_if(table.references.begin(), table.references.end(),
                   [](const Reference& reference) { return reference.cascades; });
  if (!by_replica && cascading != table.references.end()) {
    return fmt::format("foreign key {} of {} would delete or change rows there",
                       cascading->constraint, cascading->table.display());
  }
  const auto& firing = by_replica ? table.replica_triggers : table.triggers;
  return firing.empty() ? "" : fmt::format("its trigger {} may act on it", firing.front());
}

namespace {

// Ranges of one statement: where no index helps, each takes a scan of the whole table.
constexpr std::size_t k_ranges_at_once = 64;

using Ranges = std::span<const LoadedRange>;

std::string condition_of(const LoadedRange& range) {
  return range.condition.empty() ? "true" : "(" + range.condition + ")";
}

// Deletes the rows of ranges that don't overlap. How many each had.
std::vector<std::int64_t> delete_rows(pg::Connection& connection, const std::string& table,
                                      Ranges ranges) {
  std::string any;
  std::string which;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const auto condition = condition_of(ranges[i]);
    any += (i == 0 ? "" : " OR ") + condition;
    which += fmt::format(" WHEN {} THEN {}", condition, i);
  }
  const auto result = connection.exec(fmt::format(R"sql(
    WITH deleted (which) AS (DELETE FROM {} WHERE {} RETURNING CASE{} END)
    SELECT which, pg_catalog.count(*) FROM deleted GROUP BY which
  )sql",
                                                  table, any, which));
  std::vector<std::int64_t> counts(ranges.size());
  for (int row = 0; row < result.rows(); ++row) {
    counts.at(static_cast<std::size_t>(result.int64(row, 0))) = result.int64(row, 1);
  }
  return counts;
}

// Empty, or what else is there than the chunks.
std::string unload_ranges(pg::Connection& connection, const LedgerRun& run,
                          const std::string& table, Ranges ranges) {
  const auto counts = delete_rows(connection, table, ranges);
  std::vector<std::int64_t> chunks;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (counts[i] != ranges[i].rows) {
      return fmt::format("it holds {} rows where the job has loaded {}, so some are of somebody "
                         "else or were taken out",
                         counts[i], ranges[i].rows);
    }
    chunks.insert(chunks.end(), ranges[i].chunk_ids.begin(), ranges[i].chunk_ids.end());
  }
  connection.exec(fmt::format("DELETE FROM pgstride.chunk WHERE job = {} AND chunk IN ({})",
                              pg::quote_literal(run.job), fmt::join(chunks, ", ")));
  return "";
}

}  // namespace

std::string unload_chunks(pg::Connection& connection, const LedgerRun& run, const TableName& table,
                          const std::vector<LoadedRange>& ranges) {
  connection.exec(k_begin_loading);
  try {
    share_epoch(connection, run);
    const auto name = to_be_emptied(connection, table);
    for (Ranges rest(ranges); !rest.empty();) {
      const auto some = rest.first(std::min(rest.size(), k_ranges_at_once));
      rest = rest.subspan(some.size());
      if (auto why = unload_ranges(connection, run, name, some); !why.empty()) {
        connection.abandon_transaction();
        return why;
      }
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
