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

}  // namespace

std::string order_difference(pg::Connection& source, const Table& table, pg::Connection& target,
                             const target::TargetTable& facts) {
  if (!table.key) {
    return "it is not split by a key";
  }
  for (const auto& column : table.key->columns) {
    const auto* there = facts.column(column.name);
    if (there == nullptr) {
      return fmt::format("the target has no column {}", column.name);
    }
    if (column.op_schema != "pg_catalog" || !column.type.starts_with("pg_catalog.") ||
        type_of(target, there->type_oid) != column.type) {
      return fmt::format("column {} may be ordered otherwise there", column.name);
    }
    if (column.collation.empty()) {
      continue;
    }
    const auto order = order_of(source, column.collation);
    if (order.empty() || order != order_of(target, column.collation)) {
      return fmt::format("texts of column {} are ordered otherwise there, or perhaps", column.name);
    }
  }
  return "";
}

std::optional<std::string> partition_condition(pg::Connection& source, const Table& table) {
  if (table.kind != RelationKind::leaf_partition) {
    return std::nullopt;  // a child by inheritance
  }
  const auto result =
      source.query("SELECT pg_get_partition_constraintdef($1::oid)", {std::to_string(table.oid)});
  auto condition = result.optional(0, 0);
  if (!condition || condition->find("satisfies_hash_partition") != std::string::npos) {
    return std::nullopt;  // rows go by hash, and by the oid of the source's table
  }
  return condition;
}

}  // namespace pgstride::job
