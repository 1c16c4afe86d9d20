#include "handoff/table_locks.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pg/quote.hpp"

namespace pgstride::handoff {

namespace {

// Tables in one LOCK statement: few enough that a failure is narrowed down quickly.
constexpr std::size_t k_batch = 200;

bool lockable(RelationKind kind) {
  return kind == RelationKind::table || kind == RelationKind::leaf_partition ||
         kind == RelationKind::view;
}

Error as_lock_error(const LockTarget& target, const Error& error) {
  if (error.sqlstate() != "55P03") {
    return error;
  }
  Error out(ErrorKind::lock, fmt::format("can't lock table {}.{}: another session has or awaits a "
                                         "stronger lock on it",
                                         target.schema, target.name));
  out.with_server(error.sqlstate(), error.detail(), error.context(), error.statement());
  return out;
}

// One by one behind a savepoint each, to tell which of a batch fail.
void lock_each(pg::Connection& connection, const std::vector<LockTarget>& targets,
               std::size_t begin, std::size_t end, std::vector<LockFailure>& failures) {
  for (auto i = begin; i < end; ++i) {
    connection.exec("SAVEPOINT one");
    try {
      lock_table(connection, targets[i]);
    } catch (const Error& error) {
      if (!connection.usable() || error.kind() == ErrorKind::stopped) {
        throw;
      }
      connection.exec("ROLLBACK TO SAVEPOINT one");
      failures.push_back({i, error});
    }
    connection.exec("RELEASE SAVEPOINT one");
  }
}

}  // namespace

std::string lock_statement(const LockTarget& target) {
  const auto name = pg::quote_qualified(target.schema, target.name);
  if (target.kind == RelationKind::view) {
    return fmt::format("LOCK TABLE {} IN ACCESS SHARE MODE NOWAIT", name);
  }
  if (lockable(target.kind)) {
    return fmt::format("LOCK TABLE ONLY {} IN ACCESS SHARE MODE NOWAIT", name);
  }
  return fmt::format(
      "SET LOCAL lock_timeout = '100ms'; SELECT FROM {} LIMIT 0; SET LOCAL lock_timeout = 0", name);
}

LockTarget lock_target(const Table& table) {
  return {table.leaf_schema, table.leaf_name, table.kind, table.oid};
}

void lock_table(pg::Connection& connection, const LockTarget& target) {
  try {
    connection.exec(lock_statement(target));
  } catch (const Error& error) {
    throw as_lock_error(target, error);
  }
}

std::vector<LockFailure> lock_tables(pg::Connection& connection,
                                     const std::vector<LockTarget>& targets) {
  std::vector<LockFailure> failures;
  for (std::size_t begin = 0; begin < targets.size(); begin += k_batch) {
    const auto end = std::min(begin + k_batch, targets.size());
    std::string sql = "SAVEPOINT batch;";
    for (auto i = begin; i < end; ++i) {
      sql += lock_statement(targets[i]) + ";";
    }
    try {
      connection.exec(sql + "RELEASE SAVEPOINT batch");
    } catch (const Error& error) {
      if (!connection.usable() || error.kind() == ErrorKind::stopped) {
        throw;
      }
      connection.exec("ROLLBACK TO SAVEPOINT batch; RELEASE SAVEPOINT batch");
      lock_each(connection, targets, begin, end, failures);
    }
  }
  return failures;
}

std::vector<std::string> lock_blockers(pg::Connection& connection,
                                       const std::vector<std::uint32_t>& oids) {
  std::string list = "{";
  for (const auto oid : oids) {
    list += (list.size() > 1 ? "," : "") + std::to_string(oid);
  }
  const auto result = connection.query(
      R"sql(
    SELECT pg_catalog.format('pid %s (%s, %s for %s s) %s %s on %s: %s', l.pid, a.usename, a.state,
             pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)),
             CASE WHEN l.granted THEN 'holds' ELSE 'waits for' END, l.mode,
             l.relation::pg_catalog.regclass, pg_catalog.left(a.query, 120))
      FROM pg_catalog.pg_locks l
      JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
       AND l.relation = ANY ($1::pg_catalog.oid[])
       AND l.database = (SELECT oid FROM pg_catalog.pg_database
                          WHERE datname = pg_catalog.current_database())
     ORDER BY l.granted DESC, a.xact_start
     LIMIT 5
  )sql",
      {list + "}"});
  std::vector<std::string> lines;
  lines.reserve(static_cast<std::size_t>(result.rows()));
  for (int row = 0; row < result.rows(); ++row) {
    lines.push_back(result.text(row, 0));
  }
  return lines;
}

}  // namespace pgstride::handoff
