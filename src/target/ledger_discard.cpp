#include <vector>

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

// The tables that the job has loaded something into.
std::vector<BookedTable> loaded_tables(pg::Connection& connection, const std::string& job) {
  auto tables = ledger_tables(connection, job);
  std::erase_if(tables, [&](const auto& table) { return !has_chunks(connection, job, table.key); });
  return tables;
}

AddedTo added_to(pg::Connection& connection, const std::string& job) {
  return [&connection, job](const std::string& key) { return rows_added(connection, job, key); };
}

}  // namespace

void check_discard(pg::Connection& connection, const std::string& job,
                   const std::map<std::string, TableName>& names) {
  if (has_ledger(connection)) {
    tables_to_take_back(connection, loaded_tables(connection, job), names,
                        added_to(connection, job));
  }
}

void discard_from_ledger(pg::Connection& connection, const std::string& job,
                         const std::map<std::string, TableName>& names) {
  connection.exec(k_begin_loading);
  connection.exec(lock_job(job, false));  // waits for what still loads
  connection.exec(k_lock_ledger);
  if (has_ledger(connection)) {
    take_back(connection, loaded_tables(connection, job), names, added_to(connection, job));
    forget_job(connection, job);
  }
  connection.exec("COMMIT");
}

bool drop_from_ledger(pg::Connection& connection, const std::string& job) {
  connection.exec(k_begin_loading);
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
