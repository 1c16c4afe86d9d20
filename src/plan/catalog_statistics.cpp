#include "pg/text_array.hpp"
#include "plan/catalog.hpp"

namespace pgstride::plan {

std::unordered_map<std::uint32_t, std::unordered_map<std::int16_t, ColumnStatistics>>
read_statistics(pg::Connection& connection, const std::vector<std::uint32_t>& oids) {
  std::unordered_map<std::uint32_t, std::unordered_map<std::int16_t, ColumnStatistics>> statistics;
  if (oids.empty()) {
    return statistics;
  }
  // pg_stats is a security barrier: only a comparison of names, which is leakproof, gets inside.
  const auto result = connection.query(R"sql(
    SELECT DISTINCT ON (a.attrelid, a.attnum)
           a.attrelid, a.attnum, s.null_frac, s.n_distinct, s.correlation
    FROM unnest($1::oid[]) AS wanted (oid)
    JOIN pg_index i ON i.indrelid = wanted.oid
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
                   AND s.attname = a.attname AND NOT s.inherited
    WHERE s.tablename = ANY (ARRAY(SELECT t.relname FROM pg_class t WHERE t.oid = ANY ($1::oid[])))
  )sql",
                                       {pg::array_text(oids)});
  for (int row = 0; row < result.rows(); ++row) {
    auto& of_column = statistics[static_cast<std::uint32_t>(result.int64(row, 0))]
                                [static_cast<std::int16_t>(result.int64(row, 1))];
    of_column.null_frac = result.number(row, 2);
    of_column.n_distinct = result.number(row, 3);
    if (!result.is_null(row, 4)) {
      of_column.correlation = result.number(row, 4);
    }
  }
  return statistics;
}

std::unordered_map<std::uint32_t, CollationVersion>
collation_versions(pg::Connection& connection, const std::vector<std::uint32_t>& collations) {
  std::unordered_map<std::uint32_t, CollationVersion> versions;
  if (collations.empty()) {
    return versions;
  }
  const auto result = connection.query(connection.server_version() >= 150000 ? R"sql(
    SELECT co.oid,
           coalesce(CASE co.collprovider WHEN 'd' THEN d.datcollversion ELSE co.collversion END, ''),
           coalesce(CASE co.collprovider WHEN 'd' THEN pg_database_collation_actual_version(d.oid)
                                         ELSE pg_collation_actual_version(co.oid) END, '')
    FROM pg_collation co
    JOIN pg_database d ON d.datname = current_database()
    WHERE co.oid = ANY ($1::oid[])
  )sql"
                                                                             : R"sql(
    SELECT co.oid, coalesce(co.collversion, ''), coalesce(pg_collation_actual_version(co.oid), '')
    FROM pg_collation co
    WHERE co.oid = ANY ($1::oid[])
  )sql",
                                       {pg::array_text(collations)});
  for (int row = 0; row < result.rows(); ++row) {
    versions[static_cast<std::uint32_t>(result.int64(row, 0))] = {result.text(row, 1),
                                                                  result.text(row, 2)};
  }
  return versions;
}

}  // namespace pgstride::plan
