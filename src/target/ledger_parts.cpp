#include "target/ledger_parts.hpp"

#include <fmt/format.h>

#include "pg/quote.hpp"

namespace pgstride::target {

namespace {

Error fenced(std::int64_t epoch, std::int64_t now) {
  return {
      ErrorKind::checkpoint,
      fmt::format("another process has taken the job over (epoch {} instead of {})", now, epoch),
      "only one may run it: was the job's directory copied?"};
}

}  // namespace

std::string lock_job(const std::string& job, bool shared) {
  return fmt::format("SELECT pg_catalog.pg_advisory_xact_lock{}(pg_catalog.hashtextextended({}, "
                     "8098993053936378981))",
                     shared ? "_shared" : "", pg::quote_literal(job));
}

bool has_ledger(pg::Connection& connection) {
  return connection.exec("SELECT pg_catalog.to_regclass('pgstride.ledger') IS NOT NULL")
      .boolean(0, 0);
}

bool knows_job(pg::Connection& connection, const std::string& job) {
  return connection.query("SELECT EXISTS (SELECT FROM pgstride.job WHERE id = $1)", {job})
      .boolean(0, 0);
}

bool has_chunks(pg::Connection& connection, const std::string& job, const std::string& key) {
  return connection
      .query("SELECT EXISTS (SELECT FROM pgstride.chunk WHERE job = $1 AND key = $2)", {job, key})
      .boolean(0, 0);
}

RowsAdded rows_added(pg::Connection& connection, const std::string& job, const std::string& key) {
  const auto added =
      connection.query("SELECT coalesce(pg_catalog.sum(rows - updated), 0)::pg_catalog.int8 "
                       "FROM pgstride.chunk WHERE job = $1 AND key = $2",
                       {job, key});
  return {added.int64(0, 0)};
}

Error ledger_gone() {
  return {ErrorKind::checkpoint,
          "the target's ledger does not know the job any more, so what is loaded can't be told",
          "restore schema pgstride on the target, or begin again with --restart on emptied tables"};
}

void check_epoch(std::optional<std::string> epoch, const LedgerRun& run) {
  if (!epoch) {
    throw ledger_gone();
  }
  if (*epoch != std::to_string(run.epoch)) {
    throw fenced(run.epoch, std::stoll(*epoch));
  }
}

void share_epoch(pg::Connection& connection, const LedgerRun& run) {
  connection.exec(lock_job(run.job, true));
  const auto result =
      connection.query("SELECT epoch FROM pgstride.job WHERE id = $1 FOR SHARE", {run.job});
  check_epoch(result.rows() == 1 ? result.optional(0, 0) : std::nullopt, run);
}

}  // namespace pgstride::target
