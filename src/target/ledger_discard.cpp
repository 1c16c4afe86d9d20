#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "target/ledger_parts.hpp"
#include "target/truncate.hpp"

namespace pgstride::target {

namespace {

// In the caller's transaction.
void forget_job(pg::Connection& connection, const std::string& job) {
  connection.query("DELETE FROM pgstride.chunk WHERE job = $1", {job});
  connection.query("DELETE FROM pgstride.job_table WHERE job = $1", {job});
  connection.query("DELETE FROM pgstride.job WHERE id = $1", {job});
  if (!connection.exec("SELECT EXISTS (SELECT FROM pgstride.job)").boolean(0, 0)) {
    connection.exec("DROP TABLE pgstride.chunk, pgstride.job_table, pgstride.job, pgstride.ledger;"
                    "DROP SCHEMA pgstride");
  }
}

// 0 if there is no such table.
std::uint32_t oid_of(pg::Connection& connection, const TableName& name) {
  return static_cast<std::uint32_t>(
      connection
          .query("SELECT coalesce(pg_catalog.to_regclass($1)::pg_catalog.oid, 0)", {name.quoted()})
          .int64(0, 0));
}

[[noreturn]] void throw_not_ours(const TableName& name, const std::string& why) {
  throw Error(ErrorKind::usage,
              fmt::format("--restart can't take out what the job has loaded into table {}: {}",
                          name.display(), why),
              "empty the table, or finish the job with `pgstride resume`");
}

// The tables that the job has loaded something into.
std::vector<BookedTable> loaded_tables(pg::Connection& connection, const std::string& job,
                                       const std::map<std::string, TableName>& names) {
  std::vector<BookedTable> loaded;
  for (const auto& table : ledger_tables(connection, job)) {
    const auto name = names.find(table.key);
    // One that was dropped, and perhaps made again, holds nothing of the job.
    if (name == names.end() || !has_chunks(connection, job, table.key) ||
        table.oid != oid_of(connection, name->second)) {
      continue;
    }
    if (table.base == TableBase::held_rows) {
      throw_not_ours(name->second, "it held other rows before");
    }
    loaded.push_back({table.key, name->second, table.generation, table.base, table.oid});
  }
  return loaded;
}

void check_rows(pg::Connection& connection, const std::string& job,
                const std::vector<BookedTable>& loaded) {
  for (const auto& table : loaded) {
    if (const auto why = why_not_ours(connection, table, rows_added(connection, job, table.key));
        !why.empty()) {
      throw_not_ours(table.name, why);
    }
  }
}

std::string to_be_emptied(pg::Connection& connection, const std::vector<BookedTable>& tables) {
  std::string names;
  for (const auto& table : tables) {
    names += (names.empty() ? "" : ", ") + to_be_emptied(connection, table.name);
  }
  return names;
}

}  // namespace

void check_discard(pg::Connection& connection, const std::string& job,
                   const std::map<std::string, TableName>& names) {
  if (has_ledger(connection)) {
    check_rows(connection, job, loaded_tables(connection, job, names));
  }
}

void discard_from_ledger(pg::Connection& connection, const std::string& job,
                         const std::map<std::string, TableName>& names) {
  connection.exec(k_begin);
  connection.exec(lock_job(job, false));  // waits for what still loads
  connection.exec(k_lock_ledger);
  if (has_ledger(connection)) {
    const auto loaded = loaded_tables(connection, job, names);
    if (const auto to_empty = to_be_emptied(connection, loaded); !to_empty.empty()) {
      connection.exec("LOCK TABLE " + to_empty + " IN ACCESS EXCLUSIVE MODE");
      check_rows(connection, job, loaded);
      std::vector<TableName> emptied;
      for (const auto& table : loaded) {
        emptied.push_back(table.name);
      }
      truncate_tables(connection, emptied);
    }
    forget_job(connection, job);
  }
  connection.exec("COMMIT");
}

bool drop_from_ledger(pg::Connection& connection, const std::string& job) {
  connection.exec(k_begin);
  connection.exec(k_lock_ledger);
  const bool known = in_ledger(connection, job);
  if (known) {
    forget_job(connection, job);
  }
  connection.exec("COMMIT");
  crash_point("ledger_dropped");
  return known;
}

}  // namespace pgstride::target
