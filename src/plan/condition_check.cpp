#include "plan/condition_check.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "pg/parse_tree.hpp"
#include "pg/text_array.hpp"
#include "plan/chunk_sql.hpp"
#include "plan/plan.hpp"

namespace pgstride::plan {

namespace {

// SQLValueFunctionOp (primnodes.h): the first nine tell the time, the others the role and schema.
constexpr std::int64_t k_last_clock_function = 8;
// date, time, timestamp, timestamptz, timetz (pg_type.dat).
constexpr std::string_view k_time_constant = R"(\{CONST :consttype (1082|1083|1114|1184|1266) )";

std::vector<std::int64_t> numbers_after(const std::string& tree, std::string_view label) {
  std::vector<std::int64_t> numbers;
  for (auto at = tree.find(label); at != std::string::npos; at = tree.find(label, at + 1)) {
    std::int64_t number = 0;
    std::from_chars(tree.data() + at + label.size(), tree.data() + tree.size(), number);
    numbers.push_back(number);
  }
  return numbers;
}

// `'now'::timestamptz` and the like become constants each time a statement is read.
bool has_relative_constant(const std::string& tree, const std::string& filter) {
  static const std::regex k_word(R"('\s*(now|today|tomorrow|yesterday)\b)", std::regex::icase);
  static const std::regex k_constant{std::string(k_time_constant)};
  return std::regex_search(filter, k_word) && std::regex_search(tree, k_constant);
}

std::vector<std::string> function_oids(const std::string& tree) {
  std::vector<std::string> oids;
  for (const auto* label : {":funcid ", ":opfuncid "}) {
    for (const auto oid : numbers_after(tree, label)) {
      if (oid != 0) {
        oids.push_back(std::to_string(oid));
      }
    }
  }
  return oids;
}

// The first function that is not the same in each chunk, as `schema.name()`, or empty. Of
// pg_catalog's stable ones those without arguments and age(x) look at the clock or the session,
// pg_*, txid_*, inet_* and has_* at the server.
std::string unsteady_function(pg::Connection& connection, const std::string& tree) {
  const auto result = connection.query(
      R"sql(
    SELECT CASE WHEN n.nspname = 'pg_catalog' THEN p.proname ELSE n.nspname || '.' || p.proname END
    FROM unnest($1::text[]::oid[]) AS used (oid)
    JOIN pg_proc p ON p.oid = used.oid
    JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.provolatile = 'v'
       OR p.provolatile = 's'
          AND (n.nspname <> 'pg_catalog' OR p.pronargs = 0
               OR p.proname = 'age' AND p.pronargs = 1
               OR p.proname ~ '^(pg|txid|inet|has)_')
    LIMIT 1
  )sql",
      {pg::array_text(function_oids(tree))});
  return result.rows() == 0 ? "" : result.text(0, 0) + "()";
}

std::string unsteady_part(pg::Connection& connection, const Table& table, const std::string& tree) {
  const auto values = numbers_after(tree, "{SQLVALUEFUNCTION :op ");
  if (std::any_of(values.begin(), values.end(),
                  [](std::int64_t op) { return op <= k_last_clock_function; })) {
    return "current_timestamp or the like";
  }
  if (has_relative_constant(tree, *table.where)) {
    return "'now', 'today' or the like";
  }
  return unsteady_function(connection, tree);
}

// `a) OR (b` is a condition in parentheses, and something else beside another condition: it must be
// one without them too.
std::string tree_of_filter(pg::Connection& connection, const Table& table) {
  const auto select = "SELECT FROM " + table_reference(table);
  auto tree =
      pg::parse_tree(connection, select + where_clause(where_condition(table)) + " LIMIT 0");
  connection.query(select + where_clause("\n" + *table.where + "\n") + " LIMIT 0", {});
  return tree;
}

bool has_subquery(const std::string& tree) {
  return tree.find("{SUBLINK") != std::string::npos;
}

std::string now_literal(pg::Connection& connection) {
  return connection.exec("SELECT pg_catalog.now()::pg_catalog.text").text(0, 0);
}

}  // namespace

bool check_filter(pg::Connection& connection, const Table& table) {
  std::string tree;
  try {
    tree = tree_of_filter(connection, table);
  } catch (const Error& error) {
    if (error.sqlstate() != "42601") {  // syntax_error
      throw;
    }
    throw Error(ErrorKind::usage,
                fmt::format("the filter of table {} is not one condition: {}",
                            table.leaf_display_name(), error.what()),
                "its parentheses and quotes must be closed within it");
  }
  const auto part = unsteady_part(connection, table, tree);
  if (!part.empty()) {
    throw Error(
        ErrorKind::usage,
        fmt::format("the filter of table {} has {}, which is not the same in each chunk",
                    table.leaf_display_name(), part),
        fmt::format("write a time as a constant, such as '{}'; a function of your own must be "
                    "IMMUTABLE",
                    now_literal(connection)));
  }
  return has_subquery(tree);
}

bool filter_reads_tables(pg::Connection& connection, const Table& table) {
  return table.where && has_subquery(tree_of_filter(connection, table));
}

}  // namespace pgstride::plan
