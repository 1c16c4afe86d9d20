#include "target/ledger.hpp"

#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "pg/quote.hpp"
#include "pgstride/version.hpp"

namespace pgstride::target {

namespace {

// Serialises making, entering and dropping the ledger: "pgstride" in ASCII.
constexpr const char* k_lock_ledger =
    "SELECT pg_catalog.pg_advisory_xact_lock(8098993053936378981)";

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
    PRIMARY KEY (job, chunk)
  );
  CREATE INDEX chunk_key ON pgstride.chunk (job, key);
  COMMENT ON SCHEMA pgstride IS 'what unfinished jobs of pgstride have loaded; pgstride clean drops it';
)sql";

// A commit that a crash of the target could take back must not be recorded here.
constexpr const char* k_begin =
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = 'on'";

bool has_ledger(pg::Connection& connection) {
  return connection.exec("SELECT pg_catalog.to_regclass('pgstride.ledger') IS NOT NULL")
      .boolean(0, 0);
}

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

Error ledger_gone() {
  return {ErrorKind::checkpoint,
          "the target's ledger does not know the job any more, so what is loaded can't be told",
          "restore schema pgstride on the target, or begin again with --restart on emptied tables"};
}

Error fenced(std::int64_t epoch, std::int64_t now) {
  return {
      ErrorKind::checkpoint,
      fmt::format("another process has taken the job over (epoch {} instead of {})", now, epoch),
      "only one may run it: was the job's directory copied?"};
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

// Held shared by loading transactions, before the job's row: those that wait for a row lock let
// ever new sharers pass them, those that wait for this lock don't.
std::string lock_job(const std::string& job, bool shared) {
  return fmt::format("SELECT pg_catalog.pg_advisory_xact_lock{}(pg_catalog.hashtextextended({}, "
                     "8098993053936378981))",
                     shared ? "_shared" : "", pg::quote_literal(job));
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
                 fmt::format("run: GRANT CREATE ON DATABASE {} TO {}", who.text(0, 0), user));
}

// As TRUNCATE wants it: not what inherits from a plain table, but all partitions.
std::string to_be_emptied(pg::Connection& connection, const TableName& name) {
  const auto partitioned = connection.query(R"sql(
    SELECT c.relkind = 'p' FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2)sql",
                                            {name.schema, name.name});
  return (partitioned.rows() == 1 && partitioned.boolean(0, 0) ? "" : "ONLY ") + name.quoted();
}

bool knows_job(pg::Connection& connection, const std::string& job) {
  return connection.query("SELECT EXISTS (SELECT FROM pgstride.job WHERE id = $1)", {job})
      .boolean(0, 0);
}

std::string base_word(TableBase base) {
  switch (base) {
  case TableBase::created:
    return "created";
  case TableBase::truncated:
    return "truncated";
  case TableBase::empty:
    return "empty";
  case TableBase::held_rows:
    break;
  }
  return "held rows";
}

TableBase base_of(std::string_view word) {
  for (const auto base : {TableBase::created, TableBase::truncated, TableBase::empty}) {
    if (word == base_word(base)) {
      return base;
    }
  }
  return TableBase::held_rows;
}

void check_epoch(std::optional<std::string> epoch, const LedgerRun& run) {
  if (!epoch) {
    throw ledger_gone();
  }
  if (*epoch != std::to_string(run.epoch)) {
    throw fenced(run.epoch, std::stoll(*epoch));
  }
}

// Holds the epoch still until the transaction ends.
void share_epoch(pg::Connection& connection, const LedgerRun& run) {
  connection.exec(lock_job(run.job, true));
  const auto result =
      connection.query("SELECT epoch FROM pgstride.job WHERE id = $1 FOR SHARE", {run.job});
  check_epoch(result.rows() == 1 ? result.optional(0, 0) : std::nullopt, run);
}

}  // namespace

LedgerRun enter_ledger(pg::Connection& connection, const std::string& job, const std::string& name,
                       bool must_exist, const WaitingForZombies& waiting) {
  for (bool patient = false;; patient = true) {
    try {
      connection.exec(k_begin);
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

namespace {

/// One transaction of start_tables.
class TableStart {
 public:
  TableStart(pg::Connection& connection, const LedgerRun& run)
      : m_connection(connection), m_run(run) {}

  void enter(const LedgerTable& table, bool truncate) {
    if (truncate) {
      m_to_empty += (m_to_empty.empty() ? "" : ", ") + to_be_emptied(m_connection, table.name);
    }
    m_new.push_back({&table, truncate ? TableBase::truncated : base_now(table)});
  }

  void write() {
    if (!m_to_empty.empty()) {
      m_connection.exec("TRUNCATE " + m_to_empty);
    }
    for (const auto& [table, base] : m_new) {
      m_connection.query("INSERT INTO pgstride.job_table (job, key, generation, base, relid) "
                         "VALUES ($1, $2, $3, $4, $5)",
                         {m_run.job, table->key, std::to_string(table->generation), base_word(base),
                          std::to_string(table->oid)});
    }
  }

  // Gives why it can't, or nothing.
  std::string empty_again(const LedgerTable& table) {
    m_connection.exec("SAVEPOINT empty_again");
    try {
      const auto name = to_be_emptied(m_connection, table.name);
      m_connection.exec("LOCK TABLE " + name + " IN ACCESS EXCLUSIVE MODE");
      if (const auto strange = rows_of_others(table, name); strange > 0) {
        m_connection.exec("ROLLBACK TO SAVEPOINT empty_again");
        return fmt::format("it holds {} rows more than the job has loaded, of somebody else",
                           strange);
      }
      m_connection.exec("TRUNCATE " + name);
    } catch (const Error& error) {
      constexpr const char* k_referred_to = "0A000";
      if (error.sqlstate() != k_referred_to && error.sqlstate() != k_no_privilege) {
        throw;
      }
      m_connection.exec("ROLLBACK TO SAVEPOINT empty_again");
      return error.what();
    }
    m_connection.query("DELETE FROM pgstride.chunk WHERE job = $1 AND key = $2",
                       {m_run.job, table.key});
    raise(table);
    return "";
  }

  bool has_loaded(const LedgerTable& table) {
    return m_connection
        .query("SELECT EXISTS (SELECT FROM pgstride.chunk WHERE job = $1 AND key = $2)",
               {m_run.job, table.key})
        .boolean(0, 0);
  }

  void raise(const LedgerTable& table) {
    m_connection.query("UPDATE pgstride.job_table SET generation = $3 WHERE job = $1 AND key = $2",
                       {m_run.job, table.key, std::to_string(table.generation)});
  }

 private:
  bool may_read(const LedgerTable& table) {
    return m_connection
        .query("SELECT pg_catalog.has_table_privilege($1::pg_catalog.oid, 'SELECT')",
               {std::to_string(table.oid)})
        .boolean(0, 0);
  }

  // Somebody may have written since it was looked at.
  TableBase base_now(const LedgerTable& table) {
    if (table.base == TableBase::held_rows || !may_read(table)) {
      return table.base;
    }
    const auto found = m_connection.exec("SELECT EXISTS (SELECT FROM " +
                                         to_be_emptied(m_connection, table.name) + ")");
    return found.boolean(0, 0) ? TableBase::held_rows : table.base;
  }

  // What was found empty may have got rows of others since. A table that this user may not read
  // gives none.
  std::int64_t rows_of_others(const LedgerTable& table, const std::string& name) {
    if (!may_read(table)) {
      return 0;
    }
    const auto loaded =
        m_connection.query("SELECT coalesce(pg_catalog.sum(rows), 0)::pg_catalog.int8 "
                           "FROM pgstride.chunk WHERE job = $1 AND key = $2",
                           {m_run.job, table.key});
    const auto there = m_connection.exec("SELECT pg_catalog.count(*) FROM " + name);
    return there.int64(0, 0) - loaded.int64(0, 0);
  }

  pg::Connection& m_connection;
  const LedgerRun& m_run;
  std::string m_to_empty;
  std::vector<std::pair<const LedgerTable*, TableBase>> m_new;
};

}  // namespace

RefusedTables start_tables(pg::Connection& connection, const LedgerRun& run,
                           const std::vector<LedgerTable>& tables, bool truncate) {
  connection.exec(k_begin);
  share_epoch(connection, run);
  std::map<std::string, LedgerTable> known;
  for (auto& table : ledger_tables(connection, run.job)) {
    known.emplace(table.key, std::move(table));
  }
  check_tables(connection, run, tables);
  RefusedTables refused;
  TableStart start(connection, run);
  for (const auto& table : tables) {
    const auto entered = known.find(table.key);
    if (entered == known.end()) {
      start.enter(table, truncate);
    } else if (entered->second.generation > table.generation) {
      refused[table.key] = "it was loaded again by another copy of the job's directory, or by this "
                           "one before it was restored";
    } else if (entered->second.generation < table.generation && !start.has_loaded(table)) {
      start.raise(table);
    } else if (entered->second.generation < table.generation) {
      const auto why = entered->second.base == TableBase::held_rows
                           ? "it held rows before the job, so what the job has loaded can't be "
                             "told from them"
                           : start.empty_again(table);
      if (!why.empty()) {
        refused[table.key] = why;
      }
    }
  }
  start.write();
  crash_point("tables_emptied");
  connection.exec("COMMIT");
  crash_point("tables_started");
  return refused;
}

void check_tables(pg::Connection& connection, const LedgerRun& run,
                  const std::vector<LedgerTable>& tables) {
  std::map<std::string, std::uint32_t> known;
  for (const auto& table : ledger_tables(connection, run.job)) {
    known.emplace(table.key, table.oid);
  }
  for (const auto& table : tables) {
    const auto entered = known.find(table.key);
    if (entered != known.end() && table.oid != 0 && table.oid != entered->second) {
      throw Error(ErrorKind::checkpoint,
                  fmt::format("table {} of the target was dropped and made again since the job "
                              "began: what the job had loaded into it is gone",
                              table.name.display()),
                  "begin again with --restart, or leave it out in another job");
    }
  }
}

std::vector<LedgerTable> ledger_tables(pg::Connection& connection, const std::string& job) {
  const auto result = connection.query(
      "SELECT key, generation, base, relid FROM pgstride.job_table WHERE job = $1 ORDER BY key",
      {job});
  std::vector<LedgerTable> tables;
  for (int row = 0; row < result.rows(); ++row) {
    auto& table = tables.emplace_back();
    table.key = result.text(row, 0);
    table.generation = result.int64(row, 1);
    table.base = base_of(result.get(row, 2));
    table.oid = static_cast<std::uint32_t>(result.int64(row, 3));
  }
  return tables;
}

namespace {

// In the first four columns.
LoadCounts read_counts(const pg::Result& result, int row) {
  return {result.int64(row, 0), result.int64(row, 1), result.int64(row, 2), result.int64(row, 3)};
}

}  // namespace

std::vector<LedgerChunk> ledger_chunks(pg::Connection& connection, const std::string& job) {
  const auto result = connection.query(
      "SELECT rows, ignored, superseded, rejected, chunk, valid_lsn FROM pgstride.chunk "
      "WHERE job = $1 ORDER BY chunk",
      {job});
  std::vector<LedgerChunk> chunks;
  chunks.reserve(static_cast<std::size_t>(result.rows()));
  for (int row = 0; row < result.rows(); ++row) {
    chunks.push_back(
        {result.int64(row, 4), read_counts(result, row), Lsn::parse(result.get(row, 5))});
  }
  return chunks;
}

bool begin_loading(pg::Connection& connection, const LedgerRun& run, const LedgerEntry& entry,
                   LoadCounts& counts) {
  // One round trip. The lock is taken before the entry is written, as the entry reads from it; an
  // entry of a transaction that is in doubt is waited for by the primary key.
  const auto job = pg::quote_literal(run.job);
  const auto result = connection.exec(fmt::format(
      R"sql({}; {};
    WITH job AS MATERIALIZED (SELECT epoch FROM pgstride.job WHERE id = {} FOR SHARE),
         entry AS (INSERT INTO pgstride.chunk (job, chunk, key, valid_lsn, rows)
                   SELECT {}, {}, {}, {}, 0 FROM job WHERE epoch = {}
                       ON CONFLICT DO NOTHING
                   RETURNING chunk)
    SELECT (SELECT epoch FROM job), (SELECT pg_catalog.count(*) FROM entry)
  )sql",
      k_begin, lock_job(run.job, true), job, job, entry.chunk_id,
      pg::quote_literal(entry.table_key), pg::quote_literal(entry.valid_lsn.text()), run.epoch));
  check_epoch(result.optional(0, 0), run);
  if (result.int64(0, 1) == 1) {
    crash_point("ledger_written");
    return true;
  }
  const auto found =
      connection.query("SELECT rows, ignored, superseded, rejected FROM pgstride.chunk "
                       "WHERE job = $1 AND chunk = $2",
                       {run.job, std::to_string(entry.chunk_id)});
  if (found.rows() != 1) {
    throw ledger_gone();
  }
  counts = read_counts(found, 0);
  connection.abandon_transaction();
  return false;
}

void commit_loading(pg::Connection& connection, const LedgerRun& run, const LedgerEntry& entry,
                    const LoadCounts& counts) {
  crash_point("chunk_before_commit");
  connection.exec(fmt::format("UPDATE pgstride.chunk SET rows = {}, ignored = {}, superseded = {}, "
                              "rejected = {} WHERE job = {} AND chunk = {}; COMMIT",
                              counts.rows, counts.ignored, counts.superseded, counts.rejected,
                              pg::quote_literal(run.job), entry.chunk_id));
  crash_point("chunk_after_commit");
}

namespace {

bool has_chunks(pg::Connection& connection, const std::string& job, const std::string& key) {
  return connection
      .query("SELECT EXISTS (SELECT FROM pgstride.chunk WHERE job = $1 AND key = $2)", {job, key})
      .boolean(0, 0);
}

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

}  // namespace

void check_run(pg::Connection& connection, const LedgerRun& run) {
  if (!has_ledger(connection)) {
    throw ledger_gone();
  }
  const auto result = connection.query("SELECT epoch FROM pgstride.job WHERE id = $1", {run.job});
  check_epoch(result.rows() == 1 ? result.optional(0, 0) : std::nullopt, run);
}

namespace {

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
    std::string to_empty;
    for (const auto& name : loaded_tables(connection, job, names)) {
      to_empty += (to_empty.empty() ? "" : ", ") + to_be_emptied(connection, name);
    }
    if (!to_empty.empty()) {
      connection.exec("TRUNCATE " + to_empty);
    }
    forget_job(connection, job);
  }
  connection.exec("COMMIT");
}

bool in_ledger(pg::Connection& connection, const std::string& job) {
  return has_ledger(connection) && knows_job(connection, job);
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
