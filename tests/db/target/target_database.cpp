#include "target_database.hpp"

#include "support/temp_cluster.hpp"

namespace pgstride::test {

TargetDatabase::TargetDatabase()
    : m_name(shared_cluster().create_database("target")), m_connection(connect()) {}

std::string TargetDatabase::exec(const std::string& sql) const {
  return shared_cluster().exec(sql, m_name);
}

std::string TargetDatabase::conninfo(const std::string& user) const {
  return shared_cluster().conninfo(m_name, user);
}

pg::Connection TargetDatabase::connect(const std::string& user) const {
  return pg::Connection(
      {.conninfo = conninfo(user), .application_name = "pgstride/test", .cancel = {}});
}

// Server builds for tests of other versions come without contrib.
bool TargetDatabase::has_extension(const std::string& name) const {
  return exec("SELECT 1 FROM pg_available_extensions WHERE name = '" + name + "'") == "1";
}

target::TargetTables TargetDatabase::read(const std::vector<std::string>& names) {
  std::vector<target::TableName> tables;
  for (const auto& name : names) {
    tables.push_back({"public", name});
  }
  return target::read_target_tables(m_connection, tables);
}

target::TargetTable TargetDatabase::read_one(const std::string& name) {
  return std::move(read({name}).tables.front());
}

Table as_source(const target::TargetTable& table) {
  Table source;
  source.schema = source.leaf_schema = table.name.schema;
  source.name = source.leaf_name = table.name.name;
  source.oid = source.root_oid = table.oid;
  for (const auto& column : table.columns) {
    source.columns.push_back({.name = column.name,
                              .attnum = column.attnum,
                              .type_oid = column.type_oid,
                              .type = column.type,
                              .not_null = column.not_null,
                              .generated = column.generated});
  }
  return source;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace pgstride::test
