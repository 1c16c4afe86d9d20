#include "pg/text_array.hpp"
#include "plan/plan.hpp"

namespace pgstride::plan {

// A materialized view has its rows itself; a view's rule names what it reads (pg_rewrite,
// pg_depend), and a partitioned table may have foreign partitions.
std::set<std::uint32_t> views_of_foreign_tables(pg::Connection& connection,
                                                const std::vector<const Table*>& tables) {
  std::vector<std::uint32_t> views;
  for (const auto* table : tables) {
    if (table->kind == RelationKind::view) {
      views.push_back(table->oid);
    }
  }
  std::set<std::uint32_t> found;
  if (views.empty()) {
    return found;
  }
  const auto result = connection.query(R"sql(
    WITH RECURSIVE reads (viewed, rel) AS (
      SELECT w.oid, w.oid FROM unnest($1::oid[]) AS w (oid)
      UNION
      SELECT reads.viewed, next.rel
      FROM reads
      JOIN pg_class c ON c.oid = reads.rel
      CROSS JOIN LATERAL (
        SELECT d.refobjid FROM pg_rewrite r
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                        AND d.refclassid = 'pg_class'::regclass
        WHERE r.ev_class = reads.rel AND c.relkind = 'v'
        UNION ALL
        SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = reads.rel
      ) AS next (rel))
    SELECT DISTINCT reads.viewed
    FROM reads JOIN pg_class c ON c.oid = reads.rel WHERE c.relkind = 'f'
  )sql",
                                       {pg::array_text(views)});
  for (int row = 0; row < result.rows(); ++row) {
    found.insert(static_cast<std::uint32_t>(result.int64(row, 0)));
  }
  return found;
}

}  // namespace pgstride::plan
