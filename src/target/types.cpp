#include "target/types.hpp"

#include "pg/text_array.hpp"

namespace pgstride::target {

namespace {

// int2vector and oidvector count as arrays; point, name and others have typelem for subscripts
// only.
constexpr const char* k_types = R"sql(
  WITH RECURSIVE wanted (oid) AS (
    SELECT unnest($1::oid[])
    UNION
    SELECT part.oid
    FROM wanted w
    JOIN pg_type t ON t.oid = w.oid
    CROSS JOIN LATERAL (
      SELECT t.typbasetype AS oid WHERE t.typbasetype <> 0
      UNION ALL
      SELECT e.oid FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid
      UNION ALL
      SELECT r.rngsubtype FROM pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
      UNION ALL
      SELECT a.atttypid FROM pg_attribute a
      WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) part)
  SELECT t.oid, n.nspname, t.typname, t.typtype, t.typcategory, t.typbasetype,
         coalesce((SELECT e.oid FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid), 0),
         coalesce((SELECT r.rngsubtype FROM pg_range r
                   WHERE t.oid IN (r.rngtypid, r.rngmultitypid)), 0),
         (SELECT array_agg(a.atttypid ORDER BY a.attnum) FROM pg_attribute a
          WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0
            AND NOT a.attisdropped),
         t.typnotnull, t.typdefault IS NOT NULL
  FROM wanted w
  JOIN pg_type t ON t.oid = w.oid
  JOIN pg_namespace n ON n.oid = t.typnamespace
)sql";

std::uint32_t oid_of(const pg::Result& result, int row, int column) {
  return static_cast<std::uint32_t>(result.int64(row, column));
}

}  // namespace

Types read_types(pg::Connection& connection, const std::vector<std::uint32_t>& oids) {
  const auto result = connection.query(k_types, {pg::array_text(oids)});
  Types types;
  for (int row = 0; row < result.rows(); ++row) {
    Type type;
    type.oid = oid_of(result, row, 0);
    type.schema = result.text(row, 1);
    type.name = result.text(row, 2);
    type.kind = result.get(row, 3).front();
    type.category = result.get(row, 4).front();
    type.base = oid_of(result, row, 5);
    type.element = oid_of(result, row, 6);
    type.subtype = oid_of(result, row, 7);
    for (const auto field : pg::numbers_of(result.get(row, 8))) {
      type.fields.push_back(static_cast<std::uint32_t>(field));
    }
    type.not_null = result.boolean(row, 9);
    type.has_default = result.boolean(row, 10);
    types.emplace(type.oid, std::move(type));
  }
  return types;
}

const Type* base_type(const Types& types, std::uint32_t oid) {
  auto found = types.find(oid);
  while (found != types.end() && found->second.kind == 'd') {
    found = types.find(found->second.base);
  }
  return found == types.end() ? nullptr : &found->second;
}

}  // namespace pgstride::target
