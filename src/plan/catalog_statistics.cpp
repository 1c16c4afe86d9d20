#include "pg/text_array.hpp"
#include "plan/catalog.hpp"

namespace pgstride::plan {

std::unordered_map<std::uint32_t, std::unordered_map<std::int16_t, ColumnStatistics>>
read_statistics(pg::Connection& connection, const std::vector<std::uint32_t>& oids) {
  std::unordered_map<std::uint32_t, std::unordered_map<std::int16_t, ColumnStatistics>> statistics;
  if (oids.empty()) {
    return statistics;
  }
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

std::vector<std::uint32_t> changed_collations(pg::Connection& connection,
                                              const std::vector<std::uint32_t>& collations) {
  std::vector<std::uint32_t> changed;
  if (collations.empty()) {
    return changed;
  }
  // The database's own collation has a version of its own since PostgreSQL 15.
  std::string sql = R"sql(
    SELECT co.oid FROM pg_collation co
    WHERE co.oid = ANY ($1::oid[]) AND co.collversion IS NOT NULL
      AND co.collversion <> pg_collation_actual_version(co.oid)
  )sql";
  if (connection.server_version() >= 150000) {
    sql += R"sql(
    UNION ALL
    SELECT co.oid FROM pg_collation co, pg_database d
    WHERE co.oid = ANY ($1::oid[]) AND co.collprovider = 'd' AND d.datname = current_database()
      AND d.datcollversion <> pg_database_collation_actual_version(d.oid)
    )sql";
  }
  const auto result = connection.query(sql, {pg::array_text(collations)});
  for (int row = 0; row < result.rows(); ++row) {
    changed.push_back(static_cast<std::uint32_t>(result.int64(row, 0)));
  }
  return changed;
}

}  // namespace pgstride::plan
