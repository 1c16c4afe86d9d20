#include "plan/chunk_sql.hpp"

#include <fmt/format.h>

#include "pg/quote.hpp"
#include "pgstride/error.hpp"
#include "plan/key_sql.hpp"
#include "plan/plan.hpp"

namespace pgstride::plan {

namespace {

const Key& key_of(const Table& table) {
  if (!table.key) {
    throw Error(ErrorKind::internal,
                fmt::format("a key chunk of table {} that has no key", table.leaf_display_name()));
  }
  return *table.key;
}

std::string range_condition(const Table& table, const Chunk& chunk) {
  const auto& key = key_of(table);
  std::string text;
  if (chunk.lower) {
    text = and_also(text, key_at_or_above(key, *chunk.lower));
  }
  if (chunk.upper) {
    text = and_also(text, key_below(key, *chunk.upper));
  }
  // A row comparison may be decided before it comes to a NULL; such rows are in the NULL chunk.
  return and_also(text, key_not_null(key));
}

}  // namespace

std::string table_reference(const Table& table) {
  const bool whole = table.kind == RelationKind::view || table.kind == RelationKind::foreign_table;
  return (whole ? "" : "ONLY ") + pg::quote_qualified(table.leaf_schema, table.leaf_name);
}

std::string where_condition(const Table& table) {
  return table.where ? "(\n" + *table.where + "\n)" : "";
}

std::string page_condition(const std::optional<std::uint32_t>& lower,
                           const std::optional<std::uint32_t>& upper) {
  std::string text;
  if (lower) {
    text = fmt::format("ctid OPERATOR(pg_catalog.>=) '({},0)'::pg_catalog.tid", *lower);
  }
  if (upper) {
    text =
        and_also(text, fmt::format("ctid OPERATOR(pg_catalog.<) '({},0)'::pg_catalog.tid", *upper));
  }
  return text;
}

std::string and_also(std::string left, const std::string& right) {
  if (!left.empty() && !right.empty()) {
    left += " AND ";
  }
  return left + right;
}

std::string where_clause(const std::string& condition) {
  return condition.empty() ? "" : " WHERE " + condition;
}

std::string chunk_condition(const Table& table, const Chunk& chunk) {
  std::string text;
  if (chunk.kind == ChunkKind::range) {
    text = range_condition(table, chunk);
  } else if (chunk.kind == ChunkKind::null_keys) {
    text = key_has_null(key_of(table));
    if (text.empty()) {
      text = "false";  // no key column can be NULL
    }
  }
  text = and_also(text, page_condition(chunk.page_lower, chunk.page_upper));
  return and_also(text, where_condition(table));
}

std::string chunk_select(const Table& table, const Chunk& chunk) {
  std::vector<std::string> columns;
  for (const auto& column : table.columns) {
    columns.push_back(pg::quote_identifier(column.name));
  }
  return chunk_select(table, chunk, columns);
}

std::string chunk_select(const Table& table, const Chunk& chunk,
                         const std::vector<std::string>& select_list) {
  std::string columns;
  for (const auto& expression : select_list) {
    columns += columns.empty() ? " " : ", ";
    columns += expression;
  }
  return "SELECT" + columns + " FROM " + table_reference(table) +
         where_clause(chunk_condition(table, chunk));
}

}  // namespace pgstride::plan
