#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "target/ledger_parts.hpp"
#include "target/truncate.hpp"

namespace pgstride::target {

namespace {

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

// Holds the epoch still until the transaction ends.
void share_epoch(pg::Connection& connection, const LedgerRun& run) {
  connection.exec(lock_job(run.job, true));
  const auto result =
      connection.query("SELECT epoch FROM pgstride.job WHERE id = $1 FOR SHARE", {run.job});
  check_epoch(result.rows() == 1 ? result.optional(0, 0) : std::nullopt, run);
}

constexpr const char* k_no_privilege = "42501";

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

}  // namespace pgstride::target
