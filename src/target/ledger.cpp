#include "target/ledger.hpp"

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "pgstride/version.hpp"
#include "target/ledger_parts.hpp"

namespace pgstride::target {

namespace {

constexpr const char* k_make_ledger = R"sql(
  CREATE SCHEMA pgstride;
  CREATE TABLE pgstride.ledger (version pg_catalog.int4 NOT NULL, made_by pg_catalog.text NOT NULL);
  CREATE TABLE pgstride.job (
    id pg_catalog.text PRIMARY KEY,
    name pg_catalog.text NOT NULL,
    epoch pg_catalog.int8 NOT NULL,
    entered pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now()
  );
  CREATE TABLE pgstride.job_table (
    job pg_catalog.text NOT NULL REFERENCES pgstride.job,
    key pg_catalog.text NOT NULL,
    generation pg_catalog.int8 NOT NULL,
    base pg_catalog.text NOT NULL,
    relid pg_catalog.oid NOT NULL,
    PRIMARY KEY (job, key)
  );
  CREATE TABLE pgstride.chunk (
    job pg_catalog.text NOT NULL,
    chunk pg_catalog.int8 NOT NULL,
    key pg_catalog.text NOT NULL,
    valid_lsn pg_catalog.pg_lsn NOT NULL,
    rows pg_catalog.int8 NOT NULL,
    ignored pg_catalog.int8 NOT NULL DEFAULT 0,
    superseded pg_catalog.int8 NOT NULL DEFAULT 0,
    rejected pg_catalog.int8 NOT NULL DEFAULT 0,
    updated pg_catalog.int8 NOT NULL DEFAULT 0,
    PRIMARY KEY (job, chunk)
  );
  CREATE INDEX chunk_key ON pgstride.chunk (job, key);
  COMMENT ON SCHEMA pgstride IS 'what unfinished jobs of pgstride have loaded; pgstride clean drops it';
)sql";

void check_version(pg::Connection& connection) {
  const auto result = connection.exec("SELECT version, made_by FROM pgstride.ledger");
  if (result.rows() != 1 || result.int64(0, 0) != k_ledger_version) {
    throw Error(ErrorKind::checkpoint,
                fmt::format("the target's ledger (schema pgstride) has version {}, pgstride {} "
                            "reads {}",
                            result.rows() == 1 ? result.text(0, 0) : "(none)", k_version,
                            k_ledger_version),
                "finish the jobs in it with the version of pgstride that began them");
  }
}

// Of earlier runs, whose transactions hold the job's lock.
std::string zombies(pg::Connection& connection) {
  const auto result = connection.exec(R"sql(
    SELECT pg_catalog.string_agg(pg_catalog.format('%s (%s)', a.pid, a.application_name), ', ')
      FROM pg_catalog.pg_stat_activity a
     WHERE a.pid = ANY (pg_catalog.pg_blocking_pids(pg_catalog.pg_backend_pid()))
        OR (a.application_name LIKE 'pgstride/%' AND a.xact_start IS NOT NULL
            AND a.pid <> pg_catalog.pg_backend_pid() AND a.datname = pg_catalog.current_database())
  )sql");
  return result.optional(0, 0).value_or("sessions that can't be seen");
}

// The clock is in it, as a target that was restored, or replaced by a standby, goes back to an
// older epoch: the next one must not be that of a process that is still about.
constexpr const char* k_next_epoch = "greatest(j.epoch + 1, (1e6 * extract(epoch FROM "
                                     "pg_catalog.clock_timestamp()))::pg_catalog.int8)";

std::int64_t raise_epoch(pg::Connection& connection, const std::string& job,
                         const std::string& name) {
  return connection
      .query(fmt::format(R"sql(
    INSERT INTO pgstride.job AS j (id, name, epoch) VALUES ($1, $2, 1)
        ON CONFLICT (id) DO UPDATE SET epoch = {}
    RETURNING epoch
  )sql",
                         k_next_epoch),
             {job, name})
      .int64(0, 0);
}

Error may_not(const Error& error, const std::string& what, const std::string& hint) {
  Error out(ErrorKind::server, fmt::format("{}: {}", what, error.what()), hint);
  out.with_server(error.sqlstate(), error.detail(), error.context(), error.statement());
  return out;
}

constexpr const char* k_no_privilege = "42501";

// Of the target's user.
Error no_ledger(const Error& error, pg::Connection& connection) {
  const auto who =
      connection.exec("SELECT quote_ident(current_database()), quote_ident(current_user)"
                      ", to_regnamespace('pgstride') IS NOT NULL");
  const auto user = who.text(0, 1);
  if (who.boolean(0, 2)) {
    return may_not(error, "may not use the ledger (schema pgstride) that another user made",
                   fmt::format("run its jobs as one user, or: GRANT ALL ON SCHEMA pgstride TO {0}; "
                               "GRANT ALL ON ALL TABLES IN SCHEMA pgstride TO {0}",
                               user));
  }
  return may_not(error, "may not make the ledger (schema pgstride)",
                 fmt::format("run: GRANT CREATE ON DATABASE {} TO {}; or do without: --ledger no",
                             who.text(0, 0), user));
}

}  // namespace

LedgerRun enter_ledger(pg::Connection& connection, const std::string& job, const std::string& name,
                       bool must_exist, const WaitingForZombies& waiting) {
  for (bool patient = false;; patient = true) {
    try {
      connection.exec(k_begin_loading);
      // The second time for as long as it takes, as the place in the queue is lost otherwise.
      connection.exec(fmt::format("SET LOCAL lock_timeout = '{}s'", patient ? 0 : 2));
      connection.exec(lock_job(job, false));
      connection.exec("SET LOCAL lock_timeout = 0");
      connection.exec(k_lock_ledger);
      if (!has_ledger(connection)) {
        if (must_exist) {
          throw ledger_gone();
        }
        connection.exec(k_make_ledger);
        connection.query("INSERT INTO pgstride.ledger VALUES ($1, $2)",
                         {std::to_string(k_ledger_version), std::string(k_version)});
      }
      check_version(connection);
      if (must_exist && !knows_job(connection, job)) {
        throw ledger_gone();
      }
      const auto epoch = raise_epoch(connection, job, name);
      connection.exec("COMMIT");
      crash_point("ledger_entered");
      return {job, epoch};
    } catch (const Error& error) {
      connection.abandon_transaction();
      if (error.sqlstate() == k_no_privilege) {
        throw no_ledger(error, connection);
      }
      if (error.sqlstate() != "55P03") {
        throw;
      }
      waiting("waiting for transactions of an earlier run that still load: " + zombies(connection),
              "they end by themselves; pg_terminate_backend(pid) on the target ends one at once");
    }
  }
}

void check_run(pg::Connection& connection, const LedgerRun& run) {
  if (!has_ledger(connection)) {
    throw ledger_gone();
  }
  const auto result = connection.query("SELECT epoch FROM pgstride.job WHERE id = $1", {run.job});
  check_epoch(result.rows() == 1 ? result.optional(0, 0) : std::nullopt, run);
}

bool in_ledger(pg::Connection& connection, const std::string& job) {
  return has_ledger(connection) && knows_job(connection, job);
}

}  // namespace pgstride::target
