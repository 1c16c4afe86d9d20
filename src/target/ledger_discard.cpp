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

// The tables that the job has loaded something into.
std::vector<TableName> loaded_tables(pg::Connection& connection, const std::string& job,
                                     const std::map<std::string, TableName>& names) {
  std::vector<TableName> loaded;
  for (const auto& table : ledger_tables(connection, job)) {
    const auto name = names.find(table.key);
    // One that was dropped, and perhaps made again, holds nothing of the job.
    if (name == names.end() || !has_chunks(connection, job, table.key) ||
        table.oid != oid_of(connection, name->second)) {
      continue;
    }
    if (table.base == TableBase::held_rows) {
      throw Error(ErrorKind::usage,
                  fmt::format("--restart can't take out what the job has loaded into table {}: it "
                              "held other rows before",
                              name->second.display()),
                  "empty the table, or finish the job with `pgstride resume`");
    }
    loaded.push_back(name->second);
  }
  return loaded;
}

}  // namespace

void check_discard(pg::Connection& connection, const std::string& job,
                   const std::map<std::string, TableName>& names) {
  if (has_ledger(connection)) {
    loaded_tables(connection, job, names);
  }
}

void discard_from_ledger(pg::Connection& connection, const std::string& job,
                         const std::map<std::string, TableName>& names) {
  connection.exec(k_begin);
  connection.exec(lock_job(job, false));  // waits for what still loads
  connection.exec(k_lock_ledger);
  if (has_ledger(connection)) {
    truncate_tables(connection, loaded_tables(connection, job, names));
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
