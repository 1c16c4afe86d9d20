// Pieces of the SQL that reads a table, shared by the chunks' statements and the planner's own
// queries. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pgstride/table.hpp"

namespace pgstride::plan {

/// `ONLY "s"."t"`, without ONLY for views and foreign tables.
std::string table_reference(const Table& table);

/// The user's filter in brackets of its own lines, so that a `--` comment in it ends; or empty.
std::string where_condition(const Table& table);

/// `ctid >= '(1,0)' AND ctid < '(5,0)'` of pages [lower, upper); empty if both are open.
std::string page_condition(const std::optional<std::uint32_t>& lower,
                           const std::optional<std::uint32_t>& upper);

/// Joins two conditions with AND; either may be empty.
std::string and_also(std::string left, const std::string& right);

/// ` WHERE condition`, or nothing.
std::string where_clause(const std::string& condition);

}  // namespace pgstride::plan
