#include "job/key_order.hpp"

#include <fmt/format.h>

#include "plan/plan.hpp"

namespace pgstride::job {

namespace {

constexpr const char* k_by_bytes = "by bytes";

// Provider and locale of a collation, the database's own for the default one, with its version;
// empty if it is not there or has no version. Names of columns differ between server versions.
std::string order_of(pg::Connection& connection, const std::string& collation) {
  const auto result = connection.query(R"sql(
    SELECT provider, locale, deterministic
      FROM (SELECT CASE WHEN c.collprovider = 'd' THEN coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
                        ELSE c.collprovider::text END,
                   CASE WHEN c.collprovider = 'd'
                        THEN coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale',
                                      d.datcollate::text)
                        ELSE coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale',
                                      c.collcollate::text) END,
                   c.collisdeterministic::text
              FROM pg_collation c
             CROSS JOIN pg_database d
             WHERE c.oid = to_regcollation($1) AND d.datname = current_database()
           ) AS found (provider, locale, deterministic)
  )sql",
                                       {collation});
  if (result.rows() != 1) {
    return "";
  }
  const auto locale = result.text(0, 1);
  if (result.get(0, 0) == "c" && (locale == "C" || locale == "POSIX")) {
    return k_by_bytes;
  }
  const auto versions = plan::present_collation_versions(connection, {collation});
  const auto version = versions.find(collation);
  return version == versions.end() ? ""
                                   : fmt::format("{} {} {} {}", result.get(0, 0), locale,
                                                 result.get(0, 2), version->second);
}

std::string type_of(pg::Connection& connection, std::uint32_t type) {
  const auto result = connection.query(R"sql(
    SELECT quote_ident(n.nspname) || '.' || quote_ident(t.typname)
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
     WHERE t.oid = $1::oid
  )sql",
                                       {std::to_string(type)});
  return result.rows() == 1 ? result.text(0, 0) : "";
}

/// A column of the source by which rows are told apart, and how.
struct OrderedColumn {
  std::string name;
  std::string type;  ///< quoted and qualified
  std::string op_schema;
  std::string collation;  ///< quoted and qualified; empty for types without
  std::int64_t typmod = -1;
};

// `there_collation`: under which the target compares it.
std::string column_difference(pg::Connection& source, const OrderedColumn& column,
                              pg::Connection& target, const target::TargetTable& facts,
                              const std::string& there_collation) {
  const auto* there = facts.column(column.name);
  if (there == nullptr) {
    return fmt::format("the target has no column {}", column.name);
  }
  if (column.op_schema != "pg_catalog" || !column.type.starts_with("pg_catalog.") ||
      type_of(target, there->type_oid) != column.type) {
    return fmt::format("column {} may be ordered otherwise there", column.name);
  }
  if (there->typmod != -1 && there->typmod != column.typmod) {
    return fmt::format("values of column {} may be rounded or cut there", column.name);
  }
  if (column.collation.empty()) {
    return "";
  }
  const auto order = order_of(source, column.collation);
  if (order.empty() || order != order_of(target, there_collation)) {
    return fmt::format("texts of column {} are ordered otherwise there, or perhaps", column.name);
  }
  return "";
}

std::int64_t typmod_of(pg::Connection& source, const Table& table, const std::string& column) {
  const auto result =
      source.query("SELECT atttypmod FROM pg_attribute WHERE attrelid = $1::oid AND attname = $2",
                   {std::to_string(table.oid), column});
  return result.rows() == 1 ? result.int64(0, 0) : 0;
}

// Of all levels above a partition. A NULL name is an expression; one of them may be compared under
// another collation than the column's.
constexpr const char* k_partition_columns = R"sql(
  SELECT DISTINCT a.attname, quote_ident(tn.nspname) || '.' || quote_ident(t.typname), opn.nspname,
         CASE WHEN k.coll = 0 THEN '' ELSE quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
         END, a.atttypmod, k.coll = a.attcollation
    FROM pg_partition_ancestors($1::oid::regclass) AS above (relid)
    JOIN pg_partitioned_table p ON p.partrelid = above.relid
   CROSS JOIN LATERAL unnest(p.partattrs::int2[], p.partcollation::oid[], p.partclass::oid[])
         AS k (attnum, coll, class)
    JOIN pg_opclass op ON op.oid = k.class
    JOIN pg_namespace opn ON opn.oid = op.opcnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = k.attnum AND k.attnum <> 0
    LEFT JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_namespace tn ON tn.oid = t.typnamespace
    LEFT JOIN pg_collation co ON co.oid = k.coll
    LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
)sql";

// The condition's text names no collation: the target compares under its column's own.
std::string own_collation(const target::TargetTable& facts, const OrderedColumn& column) {
  const auto* there = facts.column(column.name);
  if (there != nullptr && !there->collation.empty()) {
    return there->collation;
  }
  return column.type == "pg_catalog.name" ? R"(pg_catalog."C")" : R"(pg_catalog."default")";
}

}  // namespace

std::string order_difference(pg::Connection& source, const Table& table, pg::Connection& target,
                             const target::TargetTable& facts) {
  if (!table.key) {
    return "it is not split by a key";
  }
  for (const auto& key : table.key->columns) {
    const OrderedColumn column{key.name, key.type, key.op_schema, key.collation,
                               typmod_of(source, table, key.name)};
    if (auto why = column_difference(source, column, target, facts, key.collation); !why.empty()) {
      return why;
    }
  }
  return "";
}

PartitionCondition partition_condition(pg::Connection& source, const Table& table,
                                       pg::Connection& target, const target::TargetTable& facts) {
  const auto untold = [](const std::string& why) { return PartitionCondition{"", why}; };
  if (table.kind != RelationKind::leaf_partition) {
    return untold("which rows there are of its child table can't be told");
  }
  const auto result =
      source.query("SELECT pg_get_partition_constraintdef($1::oid)", {std::to_string(table.oid)});
  const auto condition = result.optional(0, 0);
  if (!condition || condition->find("satisfies_hash_partition") != std::string::npos) {
    return untold("which rows there are of its partition can't be told");
  }
  const auto columns = source.query(k_partition_columns, {std::to_string(table.oid)});
  for (int row = 0; row < columns.rows(); ++row) {
    if (columns.is_null(row, 0) || !columns.boolean(row, 5)) {
      return untold("which rows there are of its partition can't be told");
    }
    const OrderedColumn column{columns.text(row, 0), columns.text(row, 1), columns.text(row, 2),
                               columns.text(row, 3), columns.int64(row, 4)};
    if (auto why = column_difference(source, column, target, facts, own_collation(facts, column));
        !why.empty()) {
      return untold(why);
    }
  }
  return {"(" + *condition + ")", ""};
}

}  // namespace pgstride::job
