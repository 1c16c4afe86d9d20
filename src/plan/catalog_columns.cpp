#include "pg/text_array.hpp"
#include "plan/catalog.hpp"

namespace pgstride::plan {

std::unordered_map<std::uint32_t, std::vector<ColumnFact>>
read_columns(pg::Connection& connection, const std::vector<std::uint32_t>& oids) {
  // Since PostgreSQL 18 attnotnull is set by a NOT VALID constraint too: NULLs may be there. Of a
  // foreign table nobody enforces it.
  const std::string valid = connection.server_version() < 180000 ? "true" : R"sql(
    NOT EXISTS (SELECT FROM pg_constraint k
                WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND NOT k.convalidated
                  AND a.attnum = ANY (k.conkey))
  )sql";
  const auto result = connection.query(R"sql(
    SELECT a.attrelid, a.attname, a.attnum, a.atttypid, format_type(a.atttypid, a.atttypmod),
           a.attnotnull AND c.relkind <> 'f' AND )sql" +
                                           valid + R"sql(, a.attgenerated <> '',
           t.readable OR has_column_privilege(a.attrelid, a.attnum, 'SELECT')
    FROM (SELECT w.oid, has_table_privilege(w.oid, 'SELECT') AS readable
          FROM unnest($1::oid[]) AS w (oid)) t
    JOIN pg_class c ON c.oid = t.oid
    JOIN pg_attribute a ON a.attrelid = t.oid
    WHERE a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum
  )sql",
                                       {pg::array_text(oids)});
  std::unordered_map<std::uint32_t, std::vector<ColumnFact>> columns;
  for (int row = 0; row < result.rows(); ++row) {
    ColumnFact fact;
    fact.column.name = result.text(row, 1);
    fact.column.attnum = static_cast<std::int16_t>(result.int64(row, 2));
    fact.column.type_oid = static_cast<std::uint32_t>(result.int64(row, 3));
    fact.column.type = result.text(row, 4);
    fact.column.not_null = result.boolean(row, 5);
    fact.column.generated = result.boolean(row, 6);
    fact.readable = result.boolean(row, 7);
    columns[static_cast<std::uint32_t>(result.int64(row, 0))].push_back(std::move(fact));
  }
  return columns;
}

}  // namespace pgstride::plan
