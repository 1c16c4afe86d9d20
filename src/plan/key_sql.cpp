#include "plan/key_sql.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "pg/quote.hpp"

namespace pgstride::plan {

namespace {

std::string operator_of(const KeyColumn& column, std::string_view name) {
  const bool system = column.op_schema == "pg_catalog";
  return fmt::format("OPERATOR({}.{})",
                     system ? column.op_schema : pg::quote_identifier(column.op_schema), name);
}

std::string comparison(const KeyColumn& column, std::string_view name, const std::string& value) {
  return fmt::format("{} {} {}", pg::quote_identifier(column.name), operator_of(column, name),
                     key_literal(column, value));
}

bool one_operator_schema(const Key& key) {
  return std::all_of(key.columns.begin(), key.columns.end(), [&](const KeyColumn& column) {
    return column.op_schema == key.columns.front().op_schema;
  });
}

// ROW(a, b) op ROW(x, y): the server's own lexicographic comparison, which a btree index serves.
std::string row_comparison(const Key& key, std::string_view name, const KeyValue& value) {
  std::string left;
  std::string right;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const auto* comma = i == 0 ? "" : ", ";
    left += comma + pg::quote_identifier(key.columns[i].name);
    right += comma + key_literal(key.columns[i], value[i]);
  }
  return fmt::format("ROW({}) {} ROW({})", left, operator_of(key.columns.front(), name), right);
}

// The same written out, for columns whose operators are in different schemas:
// (a > x OR (a = x AND (b > y OR (b = y AND c >= z)))).
std::string nested_comparison(const Key& key, std::string_view strict, std::string_view last,
                              const KeyValue& value) {
  const std::size_t n = key.columns.size();
  auto text = comparison(key.columns[n - 1], last, value[n - 1]);
  for (std::size_t i = n - 1; i-- > 0;) {
    text = fmt::format("({} OR ({} AND {}))", comparison(key.columns[i], strict, value[i]),
                       comparison(key.columns[i], "=", value[i]), text);
  }
  return text;
}

// `first` on the first column alone is implied; it gives the server's planner a range that it can
// estimate (a pair of row comparisons it does not see as a range) and any index a condition.
std::string composite(const Key& key, std::string_view whole, std::string_view strict,
                      std::string_view first, const KeyValue& value) {
  return comparison(key.columns.front(), first, value.front()) + " AND " +
         (one_operator_schema(key) ? row_comparison(key, whole, value)
                                   : nested_comparison(key, strict, whole, value));
}

std::string join_nulls(const Key& key, std::string_view test, std::string_view between) {
  std::string text;
  for (const auto& column : key.columns) {
    if (!column.not_null) {
      text += fmt::format("{}{} {}", text.empty() ? "" : between, pg::quote_identifier(column.name),
                          test);
    }
  }
  return text;
}

}  // namespace

std::string key_literal(const KeyColumn& column, const std::string& value) {
  const auto text = pg::quote_literal(value) + "::" + column.type;
  return column.collation.empty() ? text : text + " COLLATE " + column.collation;
}

std::string key_order(const Key& key) {
  std::string text;
  for (const auto& column : key.columns) {
    text += text.empty() ? "" : ", ";
    text += pg::quote_identifier(column.name);
    text += column.collation.empty() ? "" : " COLLATE " + column.collation;
    text += " USING " + operator_of(column, "<");
  }
  return text;
}

std::string key_columns_as(const Key& key) {
  std::string text;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    text += fmt::format("{}{} AS k{}", i == 0 ? "" : ", ",
                        pg::quote_identifier(key.columns[i].name), i + 1);
  }
  return text;
}

std::string key_aliases(const Key& key) {
  std::string text;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    text += fmt::format("{}k{}", i == 0 ? "" : ", ", i + 1);
  }
  return text;
}

std::string key_at_or_above(const Key& key, const KeyValue& value) {
  return key.columns.size() == 1 ? comparison(key.columns.front(), ">=", value.front())
                                 : composite(key, ">=", ">", ">=", value);
}

std::string key_below(const Key& key, const KeyValue& value) {
  return key.columns.size() == 1 ? comparison(key.columns.front(), "<", value.front())
                                 : composite(key, "<", "<", "<=", value);
}

std::string key_not_null(const Key& key) {
  return join_nulls(key, "IS NOT NULL", " AND ");
}

std::string key_has_null(const Key& key) {
  const auto text = join_nulls(key, "IS NULL", " OR ");
  return text.empty() ? text : "(" + text + ")";
}

bool key_nullable(const Key& key) {
  return std::any_of(key.columns.begin(), key.columns.end(),
                     [](const KeyColumn& column) { return !column.not_null; });
}

}  // namespace pgstride::plan
