#include "target/truncate.hpp"

#include <fmt/format.h>

namespace pgstride::target {

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

// A table that this user may not read gives none.
std::int64_t rows_besides(pg::Connection& connection, const BookedTable& table,
                          const std::string& name, std::int64_t loaded) {
  if (!may_read(connection, table)) {
    return 0;
  }
  return connection.exec("SELECT pg_catalog.count(*) FROM " + name).int64(0, 0) - loaded;
}

}  // namespace

TableBase base_now(pg::Connection& connection, const BookedTable& table) {
  if (table.base == TableBase::held_rows || !may_read(connection, table)) {
    return table.base;
  }
  const auto found =
      connection.exec("SELECT EXISTS (SELECT FROM " + to_be_emptied(connection, table.name) + ")");
  return found.boolean(0, 0) ? TableBase::held_rows : table.base;
}

std::string empty_loaded_table(pg::Connection& connection, const BookedTable& table,
                               std::int64_t loaded) {
  connection.exec("SAVEPOINT empty_again");
  try {
    const auto name = to_be_emptied(connection, table.name);
    connection.exec("LOCK TABLE " + name + " IN ACCESS EXCLUSIVE MODE");
    if (const auto strange = rows_besides(connection, table, name, loaded); strange > 0) {
      connection.exec("ROLLBACK TO SAVEPOINT empty_again");
      return fmt::format("it holds {} rows more than the job has loaded, of somebody else",
                         strange);
    }
    connection.exec("TRUNCATE " + name);
  } catch (const Error& error) {
    constexpr const char* k_referred_to = "0A000";
    constexpr const char* k_no_privilege = "42501";
    if (error.sqlstate() != k_referred_to && error.sqlstate() != k_no_privilege) {
      throw;
    }
    connection.exec("ROLLBACK TO SAVEPOINT empty_again");
    return error.what();
  }
  return "";
}

}  // namespace pgstride::target
