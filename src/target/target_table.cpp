#include "target/target_table.hpp"

#include <algorithm>
#include <unordered_map>

#include "pg/text_array.hpp"
#include "target/target_rows.hpp"

namespace pgstride::target {

namespace {

using ByOid = std::unordered_map<std::uint32_t, std::vector<TargetTable*>>;

constexpr const char* k_relations = R"sql(
  SELECT w.number, c.oid, c.relkind, c.relispartition, c.relpersistence,
         pg_has_role(c.relowner, 'USAGE'), has_table_privilege(c.oid, 'TRUNCATE'),
         CASE WHEN c.relrowsecurity THEN row_security_active(c.oid) ELSE false END
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (schema, name, number)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
)sql";

constexpr const char* k_columns = R"sql(
  SELECT a.attrelid, a.attname, a.attnum, a.atttypid, a.atttypmod,
         format_type(a.atttypid, a.atttypmod),
         CASE WHEN a.attcollation <> t.typcollation
              THEN quote_ident(cn.nspname) || '.' || quote_ident(co.collname) END,
         a.attnotnull OR t.typnotnull, a.attgenerated <> '', a.attidentity,
         (a.atthasdef AND a.attgenerated = '') OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
         w.may_insert OR has_column_privilege(a.attrelid, a.attnum, 'INSERT')
  FROM (SELECT o.oid, has_table_privilege(o.oid, 'INSERT') AS may_insert
        FROM unnest($1::oid[]) AS o (oid)) w
  JOIN pg_attribute a ON a.attrelid = w.oid
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_collation co ON co.oid = a.attcollation
  LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
  WHERE a.attnum > 0 AND NOT a.attisdropped
  ORDER BY a.attrelid, a.attnum
)sql";

// The operator of strategy 3 of a btree operator class is its equality.
std::string unique_indexes_sql(int server_version) {
  const std::string nulls =
      server_version >= 150000 ? "NOT i.indnullsnotdistinct" : "true";  // clause since 15
  return R"sql(
  SELECT i.indrelid, ic.relname, i.indisprimary, i.indisexclusion, i.indimmediate,
         i.indisvalid AND i.indisready, i.indpred IS NOT NULL, i.indexprs IS NOT NULL,
         )sql" +
         nulls + R"sql(,
         k.n, a.attname, 'OPERATOR(' || quote_ident(op_n.nspname) || '.' || o.oprname || ')',
         CASE WHEN i.indcollation[k.n] <> a.attcollation
              THEN quote_ident(cn.nspname) || '.' || quote_ident(co.collname) END
  FROM unnest($1::oid[]) AS w (oid)
  JOIN pg_index i ON i.indrelid = w.oid
  JOIN pg_class ic ON ic.oid = i.indexrelid
  CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS k (n)
  LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n]
                          AND i.indkey[k.n] <> 0
  JOIN pg_opclass oc ON oc.oid = i.indclass[k.n]
  LEFT JOIN pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amoplefttype = oc.opcintype
                      AND ao.amoprighttype = oc.opcintype AND ao.amoppurpose = 's'
                      AND ao.amopstrategy = 3 AND NOT i.indisexclusion
  LEFT JOIN pg_operator o ON o.oid = ao.amopopr
  LEFT JOIN pg_namespace op_n ON op_n.oid = o.oprnamespace
  LEFT JOIN pg_collation co ON co.oid = i.indcollation[k.n]
  LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
  WHERE (i.indisunique OR i.indisexclusion) AND i.indislive
  ORDER BY i.indrelid, NOT i.indisprimary, ic.relname, k.n
)sql";
}

// Those of its partitions fire for its rows, too.
constexpr const char* k_triggers = R"sql(
  SELECT DISTINCT w.oid, t.tgname, t.tgenabled IN ('O', 'A'), t.tgenabled IN ('R', 'A')
  FROM unnest($1::oid[]) AS w (oid)
  CROSS JOIN LATERAL (SELECT w.oid UNION SELECT relid FROM pg_partition_tree(w.oid)) AS r (oid)
  JOIN pg_trigger t ON t.tgrelid = r.oid
  WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
  ORDER BY w.oid, t.tgname
)sql";

// Of a partitioned table's foreign keys only the topmost: those of its partitions follow it.
constexpr const char* k_references = R"sql(
  SELECT k.confrelid, n.nspname, c.relname, k.conname, k.confdeltype IN ('c', 'n', 'd')
  FROM unnest($1::oid[]) AS w (oid)
  JOIN pg_constraint k ON k.confrelid = w.oid AND k.contype = 'f'
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE NOT EXISTS (SELECT FROM pg_constraint above
                    WHERE above.oid = k.conparentid AND above.confrelid = k.confrelid)
  ORDER BY k.confrelid, n.nspname, c.relname, k.conname
)sql";

// All tables that its rows may refer to, by keys of its own or of its partitions: of a partitioned
// one the partitions, of a partition those above.
constexpr const char* k_foreign_keys = R"sql(
  SELECT DISTINCT w.oid, n.nspname, c.relname, k.conname, k.confdeltype IN ('c', 'n', 'd')
  FROM unnest($1::oid[]) AS w (oid)
  CROSS JOIN LATERAL (SELECT w.oid UNION SELECT relid FROM pg_partition_tree(w.oid)) AS o (oid)
  JOIN pg_constraint k ON k.conrelid = o.oid AND k.contype = 'f'
  CROSS JOIN LATERAL (SELECT k.confrelid UNION SELECT relid FROM pg_partition_tree(k.confrelid)
                      UNION SELECT relid FROM pg_partition_ancestors(k.confrelid)) AS r (oid)
  JOIN pg_class c ON c.oid = r.oid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE NOT EXISTS (SELECT FROM pg_constraint above
                    WHERE above.oid = k.conparentid AND above.conrelid = o.oid)
    AND NOT EXISTS (SELECT FROM pg_constraint above
                    JOIN pg_partition_tree(w.oid) AS t ON t.relid = above.conrelid
                    WHERE above.oid = k.conparentid)
  ORDER BY w.oid, k.conname, n.nspname, c.relname
)sql";

Reference reference_of(const pg::Result& result, int row) {
  return {.table = {result.text(row, 1), result.text(row, 2)},
          .constraint = result.text(row, 3),
          .cascades = result.boolean(row, 4)};
}

std::uint32_t oid_of(const pg::Result& result, int row, int column) {
  return static_cast<std::uint32_t>(result.int64(row, column));
}

/// Calls `use(table, row)` for each row, whose first column is the table's OID.
template <typename Use> void for_each(const pg::Result& result, const ByOid& by_oid, Use use) {
  for (int row = 0; row < result.rows(); ++row) {
    for (auto* table : by_oid.at(oid_of(result, row, 0))) {
      use(*table, row);
    }
  }
}

std::vector<TargetTable> read_relations(pg::Connection& connection,
                                        const std::vector<TableName>& names) {
  std::vector<TargetTable> tables;
  std::vector<std::string> schemas;
  std::vector<std::string> relations;
  for (const auto& name : names) {
    tables.emplace_back().name = name;
    schemas.push_back(name.schema);
    relations.push_back(name.name);
  }
  const auto result =
      connection.query(k_relations, {pg::array_text(schemas), pg::array_text(relations)});
  for (int row = 0; row < result.rows(); ++row) {
    auto& table = tables[static_cast<std::size_t>(result.int64(row, 0) - 1)];
    table.oid = oid_of(result, row, 1);
    table.kind = result.get(row, 2).front();
    table.partition = result.boolean(row, 3);
    table.persistence = result.get(row, 4).front();
    table.owned = result.boolean(row, 5);
    table.may_truncate = result.boolean(row, 6);
    table.row_security = result.boolean(row, 7);
  }
  return tables;
}

TargetColumn column_of(const pg::Result& result, int row) {
  TargetColumn column;
  column.name = result.text(row, 1);
  column.attnum = static_cast<std::int16_t>(result.int64(row, 2));
  column.type_oid = oid_of(result, row, 3);
  column.typmod = static_cast<std::int32_t>(result.int64(row, 4));
  column.type = result.text(row, 5);
  column.collation = result.optional(row, 6).value_or("");
  column.not_null = result.boolean(row, 7);
  column.generated = result.boolean(row, 8);
  column.identity = result.get(row, 9).empty() ? '\0' : result.get(row, 9).front();
  column.has_default = result.boolean(row, 10);
  column.may_insert = result.boolean(row, 11);
  return column;
}

void add_index_column(TargetTable& table, const pg::Result& result, int row) {
  if (result.int64(row, 9) == 0) {
    UniqueIndex index;
    index.name = result.text(row, 1);
    index.primary = result.boolean(row, 2);
    index.exclusion = result.boolean(row, 3);
    index.immediate = result.boolean(row, 4);
    index.valid = result.boolean(row, 5);
    index.partial = result.boolean(row, 6);
    index.expressions = result.boolean(row, 7);
    index.nulls_distinct = result.boolean(row, 8);
    table.unique_indexes.push_back(std::move(index));
  }
  if (!result.is_null(row, 10)) {
    table.unique_indexes.back().columns.push_back(result.text(row, 10));
    table.unique_indexes.back().operators.push_back(result.optional(row, 11).value_or(""));
    table.unique_indexes.back().collations.push_back(result.optional(row, 12).value_or(""));
  }
}

}  // namespace

const TargetColumn* TargetTable::column(const std::string& wanted) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const TargetColumn& c) { return c.name == wanted; });
  return found == columns.end() ? nullptr : &*found;
}

TargetTables read_target_tables(pg::Connection& connection, const std::vector<TableName>& names) {
  TargetTables out;
  out.tables = read_relations(connection, names);
  ByOid by_oid;
  std::vector<std::uint32_t> oids;
  for (auto& table : out.tables) {
    if (table.exists()) {
      auto& same = by_oid[table.oid];
      if (same.empty()) {
        oids.push_back(table.oid);
      }
      same.push_back(&table);
    }
  }
  const auto wanted = pg::array_text(oids);
  auto result = connection.query(k_columns, {wanted});
  std::vector<std::uint32_t> types;
  for_each(result, by_oid, [&](TargetTable& table, int row) {
    table.columns.push_back(column_of(result, row));
    types.push_back(table.columns.back().type_oid);
  });
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());
  out.types = read_types(connection, types);
  result = connection.query(unique_indexes_sql(connection.server_version()), {wanted});
  for_each(result, by_oid,
           [&](TargetTable& table, int row) { add_index_column(table, result, row); });
  result = connection.query(k_triggers, {wanted});
  for_each(result, by_oid, [&](TargetTable& table, int row) {
    if (result.boolean(row, 2)) {
      table.triggers.push_back(result.text(row, 1));
    }
    if (result.boolean(row, 3)) {
      table.replica_triggers.push_back(result.text(row, 1));
    }
  });
  result = connection.query(k_references, {wanted});
  for_each(result, by_oid, [&](TargetTable& table, int row) {
    table.references.push_back(reference_of(result, row));
  });
  result = connection.query(k_foreign_keys, {wanted});
  for_each(result, by_oid, [&](TargetTable& table, int row) {
    table.foreign_keys.push_back(reference_of(result, row));
  });
  find_rows(connection, out.tables);
  return out;
}

}  // namespace pgstride::target
