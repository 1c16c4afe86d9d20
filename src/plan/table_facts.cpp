#include "plan/table_facts.hpp"

#include <cmath>

namespace pgstride::plan {

namespace {

// ANALYZE runs by itself when a tenth of the rows changed (autovacuum_analyze_scale_factor).
constexpr double k_fresh = 0.1;

}  // namespace

TableFacts read_table_facts(pg::Connection& connection, const Table& table) {
  const auto result = connection.query(
      R"sql(
    SELECT coalesce(am.amname = 'heap', false) AND c.relkind IN ('r', 'm'),
           current_setting('block_size'),
           CASE WHEN c.relkind IN ('r', 'm')
                THEN pg_relation_size(c.oid) / current_setting('block_size')::int8 ELSE 0 END,
           c.reltuples, c.relpages, c.relallvisible,
           coalesce(pg_stat_get_mod_since_analyze(c.oid), 0),
           s.null_frac IS NOT NULL, coalesce(s.null_frac, 0), coalesce(s.correlation, 0)
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_am am ON am.oid = c.relam
    LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
                        AND s.attname = $2 AND NOT s.inherited
    WHERE c.oid = $1
  )sql",
      {std::to_string(table.oid), table.key ? table.key->columns.front().name : ""});
  if (result.rows() == 0) {
    throw Error(ErrorKind::identity,
                "table " + table.leaf_display_name() + " was dropped while it was planned",
                "plan again");
  }
  TableFacts facts;
  facts.heap = result.boolean(0, 0);
  facts.block_size = result.int64(0, 1);
  facts.pages = result.int64(0, 2);
  facts.reltuples = result.number(0, 3);
  facts.relpages = result.int64(0, 4);
  facts.all_visible = result.int64(0, 5);
  facts.modified = result.number(0, 6);
  facts.analyzed = result.boolean(0, 7);
  facts.null_frac = result.number(0, 8);
  facts.correlation = result.number(0, 9);
  return facts;
}

bool statistics_fresh(const TableFacts& facts) {
  if (!facts.analyzed || facts.reltuples <= 0 || facts.relpages <= 0) {
    return false;
  }
  const auto relpages = static_cast<double>(facts.relpages);
  return facts.modified <= k_fresh * facts.reltuples &&
         std::abs(static_cast<double>(facts.pages) - relpages) <= k_fresh * relpages + 1;
}

}  // namespace pgstride::plan
