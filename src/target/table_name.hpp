// The name of a table on a target. A value; no thread rule.
#pragma once

#include <compare>
#include <string>

#include "pg/quote.hpp"

namespace pgstride::target {

struct TableName {
  std::string schema;
  std::string name;

  /// `schema.name` for people; not quoted.
  [[nodiscard]] std::string display() const { return schema + "." + name; }
  /// `"schema"."name"` for SQL.
  [[nodiscard]] std::string quoted() const { return pg::quote_qualified(schema, name); }
  auto
  operator<=>(const TableName&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14
};

}  // namespace pgstride::target
