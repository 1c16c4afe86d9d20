#include "target/schema_needs.hpp"

#include "pg/text_array.hpp"

namespace pgstride::target {

namespace {

// What the object `at` (classid, objid) needs: what pg_depend says, but for the table that owns a
// sequence; and what is made with it, which pg_depend has the other way round.
constexpr const char* k_next = R"sql(
  CROSS JOIN LATERAL (
    SELECT d.refclassid, d.refobjid FROM pg_depend d
    WHERE d.classid = at.classid AND d.objid = at.objid
      AND NOT (d.deptype = 'a' AND d.classid = 'pg_class'::regclass
               AND EXISTS (SELECT FROM pg_class s WHERE s.oid = d.objid AND s.relkind = 'S'))
    UNION ALL
    SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef
    WHERE at.classid = 'pg_class'::regclass AND adrelid = at.objid
    UNION ALL
    SELECT 'pg_constraint'::regclass, oid FROM pg_constraint
    WHERE at.classid = 'pg_class'::regclass AND conrelid = at.objid
      AND contype = 'c' AND convalidated
    UNION ALL
    SELECT 'pg_constraint'::regclass, oid FROM pg_constraint
    WHERE at.classid = 'pg_type'::regclass AND contypid = at.objid AND convalidated
    UNION ALL
    SELECT 'pg_rewrite'::regclass, oid FROM pg_rewrite
    WHERE at.classid = 'pg_class'::regclass AND ev_class = at.objid AND rulename = '_RETURN'
  ) next (classid, objid)
)sql";

constexpr const char* k_members = R"sql(
  WITH RECURSIVE member (oid) AS (
    SELECT unnest($1::oid[])
    UNION
    SELECT up.relid FROM unnest($1::oid[]) AS w (oid)
      CROSS JOIN LATERAL pg_partition_ancestors(w.oid) up)
)sql";

// Where an object's way through the catalog ends.
constexpr const char* k_is_relation = R"sql(
  (at.classid = 'pg_class'::regclass
   AND EXISTS (SELECT FROM pg_class r
               WHERE r.oid = at.objid AND r.relkind IN ('r', 'p', 'v', 'm', 'f')))
)sql";

std::string with_hanging(const std::string& select) {
  return std::string(k_members) + R"sql(,
    made (oid) AS (SELECT unnest($2::oid[])),
    hanging (classid, objid) AS (
      SELECT 'pg_trigger'::regclass::oid, oid FROM pg_trigger
      WHERE tgrelid IN (SELECT oid FROM made) AND NOT tgisinternal
      UNION ALL
      SELECT 'pg_rewrite'::regclass, oid FROM pg_rewrite
      WHERE ev_class IN (SELECT oid FROM made) AND rulename <> '_RETURN'
      UNION ALL
      SELECT 'pg_policy'::regclass, oid FROM pg_policy WHERE polrelid IN (SELECT oid FROM made)
      UNION ALL
      SELECT 'pg_constraint'::regclass, oid FROM pg_constraint
      WHERE conrelid IN (SELECT oid FROM made) AND contype = 'c' AND NOT convalidated
      UNION ALL
      SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext
      WHERE stxrelid IN (SELECT oid FROM made)),
    reached (from_class, from_oid, classid, objid) AS (
      SELECT classid, objid, classid, objid FROM hanging
      UNION
      SELECT at.from_class, at.from_oid, next.classid, next.objid
      FROM reached at )sql" +
         k_next + " WHERE NOT " + k_is_relation + ") " + select;
}

constexpr const char* k_lacking = R"sql(
  SELECT DISTINCT ON (from_class, from_oid) from_class, from_oid,
         format('it needs %s.%s, which is not copied', n.nspname, c.relname)
  FROM reached
  JOIN pg_class c ON reached.classid = 'pg_class'::regclass AND c.oid = reached.objid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.oid NOT IN (SELECT oid FROM made)
    AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
  ORDER BY from_class, from_oid, n.nspname, c.relname
)sql";

constexpr const char* k_keys_left_out = R"sql(
  SELECT 'pg_constraint'::regclass::oid, k.oid,
         format('it refers to %s.%s, which is not copied', n.nspname, c.relname)
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.confrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid IN (SELECT oid FROM member)
    AND k.confrelid NOT IN (SELECT oid FROM member)
  UNION ALL
  SELECT 'pg_class'::regclass, i.indexrelid, 'not all partitions have it in the source'
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE c.relkind = 'I' AND NOT i.indisvalid AND i.indrelid IN (SELECT oid FROM member)
)sql";

constexpr const char* k_of_keys = R"sql(,
  reached (classid, objid) AS (
    SELECT 'pg_class'::regclass::oid, conindid FROM pg_constraint
    WHERE contype IN ('p', 'u', 'x') AND conrelid IN (SELECT oid FROM member)
    UNION
    SELECT next.classid, next.objid FROM reached at )sql";

constexpr const char* k_roles = R"sql(
  SELECT 'pg_policy'::regclass::oid, p.oid, r.rolname
  FROM pg_policy p CROSS JOIN LATERAL unnest(p.polroles) AS w (oid)
  JOIN pg_roles r ON r.oid = w.oid
  WHERE p.polrelid = ANY ($1::oid[])
)sql";

std::uint32_t oid_at(const pg::Result& result, int row, int column) {
  return static_cast<std::uint32_t>(result.int64(row, column));
}

ObjectId object_at(const pg::Result& result, int row) {
  return {oid_at(result, row, 0), oid_at(result, row, 1)};
}

}  // namespace

std::vector<std::uint32_t> needed_relations(pg::Connection& source,
                                            const std::vector<std::uint32_t>& tables) {
  const auto result = source.query(std::string(R"sql(
    WITH RECURSIVE reached (classid, objid) AS (
      SELECT 'pg_class'::regclass::oid, unnest($1::oid[])
      UNION
      SELECT next.classid, next.objid FROM reached at )sql") +
                                       k_next + R"sql()
    SELECT c.oid FROM reached
    JOIN pg_class c ON reached.classid = 'pg_class'::regclass AND c.oid = reached.objid
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ORDER BY 1)sql",
                                   {pg::array_text(tables)});
  std::vector<std::uint32_t> oids;
  for (int row = 0; row < result.rows(); ++row) {
    oids.push_back(oid_at(result, row, 0));
  }
  return oids;
}

SchemaNeeds read_schema_needs(pg::Connection& source, const std::vector<std::uint32_t>& tables) {
  const auto chosen = pg::array_text(tables);
  const auto made = pg::array_text(needed_relations(source, tables));
  const std::string members = k_members;
  SchemaNeeds needs;
  const auto rows_of = [&](const std::string& sql, std::vector<pg::Param> parameters) {
    return source.query(sql, std::move(parameters));
  };
  const auto above = rows_of(members + "SELECT oid FROM member", {chosen});
  for (int row = 0; row < above.rows(); ++row) {
    needs.members.insert(oid_at(above, row, 0));
  }
  const auto of_keys = rows_of(members + k_of_keys + k_next + " WHERE NOT " + k_is_relation +
                                   ") SELECT classid, objid FROM reached",
                               {chosen});
  for (int row = 0; row < of_keys.rows(); ++row) {
    needs.of_keys.insert(object_at(of_keys, row));
  }
  const auto lacking = rows_of(with_hanging(k_lacking), {chosen, made});
  const auto keys = rows_of(members + k_keys_left_out, {chosen});
  for (const auto* result : {&lacking, &keys}) {
    for (int row = 0; row < result->rows(); ++row) {
      needs.left_out.emplace(object_at(*result, row), result->text(row, 2));
    }
  }
  const auto roles = rows_of(k_roles, {made});
  for (int row = 0; row < roles.rows(); ++row) {
    needs.roles[object_at(roles, row)].insert(roles.text(row, 2));
  }
  return needs;
}

}  // namespace pgstride::target
