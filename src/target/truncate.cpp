#include "target/truncate.hpp"

#include <fmt/format.h>

#include "pg/text_array.hpp"

namespace pgstride::target {

namespace {

constexpr const char* k_referred_to = "0A000";  // feature_not_supported
constexpr const char* k_no_privilege = "42501";
constexpr const char* k_lock_not_available = "55P03";

}  // namespace

std::string to_be_emptied(pg::Connection& connection, const TableName& name) {
  const auto partitioned = connection.query(R"sql(
    SELECT c.relkind = 'p' FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2)sql",
                                            {name.schema, name.name});
  return (partitioned.rows() == 1 && partitioned.boolean(0, 0) ? "" : "ONLY ") + name.quoted();
}

namespace {

bool may_read(pg::Connection& connection, const BookedTable& table) {
  return connection
      .query("SELECT pg_catalog.has_table_privilege($1::pg_catalog.oid, 'SELECT')",
             {std::to_string(table.oid)})
      .boolean(0, 0);
}

// All that foreign keys would have emptied with these tables, besides them and their partitions.
constexpr const char* k_referring = R"sql(
  WITH RECURSIVE first (oid) AS (
    SELECT w.oid FROM pg_catalog.unnest($1::pg_catalog.regclass[]) AS w (oid)
    UNION
    SELECT tree.relid FROM pg_catalog.unnest($1::pg_catalog.regclass[]) AS w (oid)
      CROSS JOIN LATERAL pg_catalog.pg_partition_tree(w.oid) tree),
  emptied (oid) AS (
    SELECT oid::pg_catalog.oid FROM first
    UNION
    SELECT next.oid FROM emptied at CROSS JOIN LATERAL (
      SELECT k.conrelid FROM pg_catalog.pg_constraint k
      WHERE k.contype = 'f' AND k.confrelid = at.oid
      UNION ALL
      SELECT tree.relid FROM pg_catalog.pg_partition_tree(at.oid) tree) next (oid))
  SELECT n.nspname, c.relname,
         pg_catalog.has_table_privilege(c.oid, 'TRUNCATE')
           AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
           AND NOT pg_catalog.row_security_active(c.oid)
  FROM emptied
  JOIN pg_catalog.pg_class c ON c.oid = emptied.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid NOT IN (SELECT oid FROM first)
  ORDER BY n.nspname, c.relname
)sql";

// Locked by then. None if one holds a row, or may do so: the server refuses then, and says why.
std::string empty_referring(pg::Connection& connection, const std::vector<TableName>& tables) {
  std::vector<std::string> quoted;
  for (const auto& table : tables) {
    quoted.push_back(table.quoted());
  }
  const auto result = connection.query(k_referring, {pg::array_text(quoted)});
  std::string list;
  for (int row = 0; row < result.rows(); ++row) {
    const TableName name{result.text(row, 0), result.text(row, 1)};
    const auto one = to_be_emptied(connection, name);
    if (!result.boolean(row, 2)) {
      return "";
    }
    connection.exec("LOCK TABLE " + one + " IN ACCESS EXCLUSIVE MODE");
    if (connection.exec("SELECT EXISTS (SELECT FROM " + one + ")").boolean(0, 0)) {
      return "";
    }
    list += ", " + one;
  }
  return list;
}

}  // namespace

void truncate_tables(pg::Connection& connection, const std::vector<TableName>& tables) {
  std::string list;
  for (const auto& table : tables) {
    list += (list.empty() ? "" : ", ") + to_be_emptied(connection, table);
  }
  if (!list.empty()) {
    connection.exec("TRUNCATE " + list + empty_referring(connection, tables));
  }
}

std::string truncate_obstacle(pg::Connection& connection, const std::vector<TableName>& tables,
                              std::chrono::milliseconds lock_timeout) {
  connection.exec(k_begin_loading);
  try {
    connection.exec(fmt::format("SET LOCAL lock_timeout = {}", lock_timeout.count()));
    truncate_tables(connection, tables);
  } catch (const Error& error) {
    connection.abandon_transaction();
    if (error.sqlstate() == k_lock_not_available) {
      throw Error(ErrorKind::lock, error.what(),
                  "end the sessions that use the table, or give a longer --lock-timeout");
    }
    if (error.sqlstate() != k_referred_to && error.sqlstate() != k_no_privilege) {
      throw;
    }
    return error.what();
  }
  connection.abandon_transaction();
  return "";
}

std::string why_not_ours(pg::Connection& connection, const BookedTable& table,
                         const RowsAdded& added) {
  if (!may_read(connection, table)) {
    return "";
  }
  const auto rows =
      connection.exec("SELECT pg_catalog.count(*) FROM " + to_be_emptied(connection, table.name));
  const auto strange = rows.int64(0, 0) - added.certain;
  return strange > 0 && strange != added.doubtful
             ? fmt::format("it holds {} rows that are not known to be the job's", strange)
             : "";
}

TableBase base_now(pg::Connection& connection, const BookedTable& table) {
  if (table.base == TableBase::held_rows || !may_read(connection, table)) {
    return table.base;
  }
  const auto found =
      connection.exec("SELECT EXISTS (SELECT FROM " + to_be_emptied(connection, table.name) + ")");
  return found.boolean(0, 0) ? TableBase::held_rows : table.base;
}

std::string empty_loaded_table(pg::Connection& connection, const BookedTable& table,
                               const RowsAdded& added) {
  connection.exec("SAVEPOINT empty_again");
  try {
    const auto name = to_be_emptied(connection, table.name);
    connection.exec("LOCK TABLE " + name + " IN ACCESS EXCLUSIVE MODE");
    if (auto why = why_not_ours(connection, table, added); !why.empty()) {
      connection.exec("ROLLBACK TO SAVEPOINT empty_again");
      return why;
    }
    truncate_tables(connection, {table.name});
  } catch (const Error& error) {
    if (error.sqlstate() != k_referred_to && error.sqlstate() != k_no_privilege) {
      throw;
    }
    connection.exec("ROLLBACK TO SAVEPOINT empty_again");
    return error.what();
  }
  return "";
}

namespace {

// 0 if there is no such table.
std::uint32_t oid_of(pg::Connection& connection, const TableName& name) {
  return static_cast<std::uint32_t>(
      connection
          .query("SELECT coalesce(pg_catalog.to_regclass($1)::pg_catalog.oid, 0)", {name.quoted()})
          .int64(0, 0));
}

}  // namespace

std::vector<TableName> tables_to_take_back(pg::Connection& connection,
                                           const std::vector<BookedTable>& loaded,
                                           const std::map<std::string, TableName>& names,
                                           const AddedTo& added) {
  std::vector<TableName> found;
  for (auto table : loaded) {
    const auto name = names.find(table.key);
    if (name == names.end() || table.oid != oid_of(connection, name->second)) {
      continue;
    }
    table.name = name->second;
    const auto why = table.base == TableBase::held_rows
                         ? std::string("it held other rows before")
                         : why_not_ours(connection, table, added(table.key));
    if (!why.empty()) {
      throw Error(ErrorKind::usage,
                  fmt::format("--restart can't take out what the job has loaded into table {}: {}",
                              table.name.display(), why),
                  "empty the table, or finish the job with `pgstride resume`");
    }
    found.push_back(table.name);
  }
  return found;
}

void take_back(pg::Connection& connection, const std::vector<BookedTable>& loaded,
               const std::map<std::string, TableName>& names, const AddedTo& added) {
  for (const auto& table : loaded) {
    const auto name = names.find(table.key);
    if (name != names.end() && table.oid == oid_of(connection, name->second)) {
      connection.exec("LOCK TABLE " + to_be_emptied(connection, name->second) +
                      " IN ACCESS EXCLUSIVE MODE");
    }
  }
  truncate_tables(connection, tables_to_take_back(connection, loaded, names, added));
}

}  // namespace pgstride::target
