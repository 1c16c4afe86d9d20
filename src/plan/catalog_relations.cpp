#include "pg/text_array.hpp"
#include "plan/catalog.hpp"

namespace pgstride::plan {

namespace {

constexpr const char* k_relations = R"sql(
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.relispartition, c.relpersistence = 'u',
         c.relispopulated,
         EXISTS (SELECT FROM pg_depend d
                 WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
                   AND d.deptype = 'e'),
         coalesce(am.amname = 'heap', false),
         n.nspname = ANY ($1::text[]),
         has_schema_privilege(n.oid, 'USAGE'),
         has_table_privilege(c.oid, 'SELECT'),
         CASE WHEN c.relrowsecurity THEN row_security_active(c.oid) ELSE false END,
         c.relreplident, c.relfilenode, c.reltuples, c.relpages,
         (SELECT array_agg(i.inhparent ORDER BY i.inhseqno) FROM pg_inherits i
          WHERE i.inhrelid = c.oid AND NOT i.inhdetachpending)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_am am ON am.oid = c.relam
  WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f')
    AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'pgstride')
  ORDER BY n.nspname, c.relname
)sql";

// Session settings empty the search_path; what the user had set for the role or database decides
// which tables a bare name means. The session keeps its own path.
std::string user_search_path(pg::Connection& connection) {
  return connection
      .exec(R"sql(
        SELECT pg_catalog.set_config('search_path', s.reset_val, false)
        FROM pg_catalog.pg_settings s WHERE s.name = 'search_path';
        SELECT pg_catalog.set_config(
          'pgstride.schemas', pg_catalog.current_schemas(false)::pg_catalog.text, false);
        SELECT pg_catalog.set_config('search_path', '', false);
        SELECT current_setting('pgstride.schemas');
      )sql")
      .text(0, 0);
}

Relation relation_of(const pg::Result& result, int row) {
  Relation r;
  int column = 0;
  r.oid = static_cast<std::uint32_t>(result.int64(row, column++));
  r.schema = result.text(row, column++);
  r.name = result.text(row, column++);
  r.kind = result.get(row, column++).front();
  r.partition = result.boolean(row, column++);
  r.unlogged = result.boolean(row, column++);
  r.populated = result.boolean(row, column++);
  r.extension = result.boolean(row, column++);
  r.heap = result.boolean(row, column++);
  r.visible = result.boolean(row, column++);
  r.schema_usage = result.boolean(row, column++);
  r.readable = result.boolean(row, column++) && r.schema_usage;
  r.hidden_rows = result.boolean(row, column++);
  r.replica_identity = result.get(row, column++).front();
  r.relfilenode = static_cast<std::uint32_t>(result.int64(row, column++));
  r.reltuples = result.number(row, column++);
  r.relpages = result.int64(row, column++);
  for (const auto parent : pg::numbers_of(result.get(row, column))) {
    r.parents.push_back(static_cast<std::uint32_t>(parent));
  }
  return r;
}

}  // namespace

std::vector<Relation> read_relations(pg::Connection& connection) {
  const auto result = connection.query(k_relations, {user_search_path(connection)});
  std::vector<Relation> relations;
  relations.reserve(static_cast<std::size_t>(result.rows()));
  for (int row = 0; row < result.rows(); ++row) {
    relations.push_back(relation_of(result, row));
  }
  return relations;
}

std::unordered_map<std::uint32_t, Size> read_sizes(pg::Connection& connection,
                                                   const std::vector<std::uint32_t>& oids) {
  const auto result = connection.query(R"sql(
    SELECT c.oid, pg_relation_size(c.oid),
           CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_relation_size(c.reltoastrelid) END
    FROM unnest($1::oid[]) AS wanted (oid)
    JOIN pg_class c ON c.oid = wanted.oid
    WHERE c.relkind IN ('r', 'm')
  )sql",
                                       {pg::array_text(oids)});
  std::unordered_map<std::uint32_t, Size> sizes;
  for (int row = 0; row < result.rows(); ++row) {
    // NULL where the relation was dropped meanwhile.
    sizes[static_cast<std::uint32_t>(result.int64(row, 0))] = {
        result.is_null(row, 1) ? 0 : result.int64(row, 1),
        result.is_null(row, 2) ? 0 : result.int64(row, 2)};
  }
  return sizes;
}

}  // namespace pgstride::plan
