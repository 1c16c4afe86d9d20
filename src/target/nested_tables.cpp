#include "target/nested_tables.hpp"

#include <string>

#include "pg/text_array.hpp"

namespace pgstride::target {

std::vector<std::pair<TableName, TableName>> nested_tables(pg::Connection& connection,
                                                           const std::vector<TableName>& names) {
  std::vector<std::string> schemas;
  std::vector<std::string> tables;
  for (const auto& name : names) {
    schemas.push_back(name.schema);
    tables.push_back(name.name);
  }
  const auto result = connection.query(R"sql(
    WITH named AS (
      SELECT DISTINCT c.oid, n.nspname, c.relname
      FROM unnest($1::text[], $2::text[]) AS w (schema, name)
      JOIN pg_namespace n ON n.nspname = w.schema
      JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name)
    SELECT part.nspname, part.relname, whole.nspname, whole.relname
    FROM named part
    CROSS JOIN LATERAL pg_partition_ancestors(part.oid) up
    JOIN named whole ON whole.oid = up.relid
    WHERE whole.oid <> part.oid
    ORDER BY 1, 2, 3, 4
  )sql",
                                       {pg::array_text(schemas), pg::array_text(tables)});
  std::vector<std::pair<TableName, TableName>> out;
  out.reserve(static_cast<std::size_t>(result.rows()));
  for (int row = 0; row < result.rows(); ++row) {
    out.emplace_back(TableName{result.text(row, 0), result.text(row, 1)},
                     TableName{result.text(row, 2), result.text(row, 3)});
  }
  return out;
}

}  // namespace pgstride::target
