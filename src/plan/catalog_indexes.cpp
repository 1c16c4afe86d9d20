#include "pg/text_array.hpp"
#include "plan/catalog.hpp"

namespace pgstride::plan {

namespace {

// The comparison operators of an operator class, usable by name if they have the usual names and
// share a schema (text_pattern_ops, for one, has ~<~ and is left alone).
// Domains are compared as their base type: a domain's constraint would only cost time. What follows
// names the operator classes that it asks about as `class`.
constexpr const char* k_common = R"sql(
  WITH RECURSIVE
  base (oid, base) AS (
    SELECT t.oid, t.oid FROM pg_type t
    WHERE t.oid IN (SELECT a.atttypid FROM pg_attribute a
                    WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0)
    UNION ALL
    SELECT b.oid, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.base WHERE t.typtype = 'd'),
  comparison AS (
    SELECT oc.oid, min(n.nspname) AS op_schema,
           count(*) = 5 AND min(n.nspname) = max(n.nspname)
             AND bool_and(o.oprname = (ARRAY['<', '<=', '=', '>=', '>'])[ao.amopstrategy])
             AS comparable
    FROM class
    JOIN pg_opclass oc ON oc.oid = class.oid
    JOIN pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amoplefttype = oc.opcintype
                   AND ao.amoprighttype = oc.opcintype AND ao.amoppurpose = 's'
    JOIN pg_operator o ON o.oid = ao.amopopr
    JOIN pg_namespace n ON n.oid = o.oprnamespace
    WHERE oc.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'btree')
    GROUP BY oc.oid),
  collation_name AS NOT MATERIALIZED (
    SELECT co.oid, quote_ident(n.nspname) || '.' || quote_ident(co.collname) AS name
    FROM pg_collation co JOIN pg_namespace n ON n.oid = co.collnamespace),
)sql";

constexpr const char* k_indexes = R"sql(
  class AS (
    SELECT DISTINCT unnest(i.indclass) AS oid FROM pg_index i WHERE i.indrelid = ANY ($1::oid[]))
  SELECT i.indrelid, ic.relname, i.indisprimary, i.indisunique, i.indimmediate, k.n,
         i.indkey[k.n], coalesce(cmp.comparable, false), cmp.op_schema,
         quote_ident(tn.nspname) || '.' || quote_ident(t.typname), coalesce(cn.name, ''),
         i.indcollation[k.n], (i.indoption[k.n] & 1) = 1
  FROM unnest($1::oid[]) AS wanted (oid)
  JOIN pg_index i ON i.indrelid = wanted.oid
  JOIN pg_class ic ON ic.oid = i.indexrelid
  JOIN pg_am am ON am.oid = ic.relam AND am.amname = 'btree'
  CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS k (n)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n]
  JOIN base b ON b.oid = a.atttypid
  JOIN pg_type t ON t.oid = b.base AND t.typtype <> 'd'
  JOIN pg_namespace tn ON tn.oid = t.typnamespace
  LEFT JOIN comparison cmp ON cmp.oid = i.indclass[k.n]
  LEFT JOIN collation_name cn ON cn.oid = i.indcollation[k.n]
  WHERE i.indisvalid AND i.indisready AND i.indislive
    AND i.indpred IS NULL AND i.indexprs IS NULL
  ORDER BY i.indrelid, ic.relname, k.n
)sql";

// An operator class of the type itself, of its polymorphic family, or of a type to which it is
// binary-coercible (varchar to text, cidr to inet), in this order.
constexpr const char* k_default = R"sql(
  class AS (SELECT oc.oid FROM pg_opclass oc WHERE oc.opcdefault)
  SELECT cmp.comparable, cmp.op_schema, quote_ident(tn.nspname) || '.' || quote_ident(t.typname),
         coalesce(cn.name, ''), a.attcollation
  FROM pg_attribute a
  JOIN base b ON b.oid = a.atttypid
  JOIN pg_type t ON t.oid = b.base AND t.typtype <> 'd'
  JOIN pg_namespace tn ON tn.oid = t.typnamespace
  LEFT JOIN collation_name cn ON cn.oid = a.attcollation
  CROSS JOIN LATERAL (
    SELECT oc.oid, 1 AS rank FROM pg_opclass oc WHERE oc.opcintype = t.oid AND oc.opcdefault
    UNION ALL
    SELECT oc.oid, 2 FROM pg_opclass oc
    WHERE oc.opcdefault
      AND oc.opcintype = CASE WHEN t.typtype = 'e' THEN 'anyenum'::regtype
                              WHEN t.typtype = 'r' THEN 'anyrange'::regtype
                              WHEN t.typcategory = 'A' THEN 'anyarray'::regtype END
    UNION ALL
    SELECT oc.oid, 3 FROM pg_cast ca JOIN pg_opclass oc ON oc.opcintype = ca.casttarget
    WHERE ca.castsource = t.oid AND ca.castmethod = 'b' AND ca.castcontext = 'i' AND oc.opcdefault
  ) oc
  JOIN comparison cmp ON cmp.oid = oc.oid
  WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum = $2
  ORDER BY oc.rank LIMIT 1
)sql";

}  // namespace

std::unordered_map<std::uint32_t, std::vector<Index>>
read_indexes(pg::Connection& connection, const std::vector<std::uint32_t>& oids) {
  const auto result = connection.query(std::string(k_common) + k_indexes, {pg::array_text(oids)});
  std::unordered_map<std::uint32_t, std::vector<Index>> indexes;
  for (int row = 0; row < result.rows(); ++row) {
    auto& of_table = indexes[static_cast<std::uint32_t>(result.int64(row, 0))];
    if (result.int64(row, 5) == 0) {
      of_table.push_back({.name = result.text(row, 1),
                          .primary = result.boolean(row, 2),
                          .unique = result.boolean(row, 3),
                          .immediate = result.boolean(row, 4),
                          .columns = {}});
    }
    of_table.back().columns.push_back(
        {.attnum = static_cast<std::int16_t>(result.int64(row, 6)),
         .comparable = result.boolean(row, 7),
         .op_schema = result.text(row, 8),
         .type = result.text(row, 9),
         .collation = result.text(row, 10),
         .collation_oid = static_cast<std::uint32_t>(result.int64(row, 11)),
         .descending = result.boolean(row, 12)});
  }
  return indexes;
}

std::optional<IndexColumn> default_comparison(pg::Connection& connection, std::uint32_t table,
                                              std::int16_t attnum) {
  const auto result =
      connection.query(std::string(k_common) + k_default,
                       {pg::array_text(std::vector{table}), std::to_string(attnum)});
  if (result.rows() == 0 || !result.boolean(0, 0)) {
    return std::nullopt;
  }
  return IndexColumn{.attnum = attnum,
                     .comparable = true,
                     .op_schema = result.text(0, 1),
                     .type = result.text(0, 2),
                     .collation = result.text(0, 3),
                     .collation_oid = static_cast<std::uint32_t>(result.int64(0, 4)),
                     .descending = false};
}

}  // namespace pgstride::plan
