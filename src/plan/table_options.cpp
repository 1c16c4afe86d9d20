#include "plan/table_options.hpp"

#include <algorithm>
#include <set>
#include <string>

#include <fmt/format.h>

#include "pgstride/error.hpp"
#include "plan/pattern.hpp"

namespace pgstride::plan {

namespace {

// The name as SQL reads it, or the text as it stands: `display_name()` of a table is not quoted.
bool names_relation(const std::string& text, const std::vector<std::string>& names,
                    const std::string& schema, const std::string& name) {
  if (text == schema + "." + name || text == name) {
    return true;
  }
  return names.size() == 1 ? names[0] == name
                           : names.size() == 2 && names[0] == schema && names[1] == name;
}

bool names_table(const TableOption& option, const std::vector<std::string>& names,
                 const Table& table) {
  return names_relation(option.table, names, table.schema, table.name) ||
         names_relation(option.table, names, table.leaf_schema, table.leaf_name);
}

}  // namespace

const TableOption* option_for(const std::vector<TableOption>& options, const Table& table) {
  const TableOption* found = nullptr;
  for (const auto& option : options) {
    const auto names = parse_names(option.table, '.');
    if (names_relation(option.table, names, table.leaf_schema, table.leaf_name)) {
      return &option;  // a partition's own goes before its parent's
    }
    if (names_table(option, names, table)) {
      found = &option;
    }
  }
  return found;
}

void check_table_options(const std::vector<TableOption>& options, const std::vector<Table>& tables,
                         const char* what) {
  std::set<std::string> seen;
  for (const auto& option : options) {
    const auto names = parse_names(option.table, '.');
    std::set<std::string> meant;
    for (const auto& table : tables) {
      if (names_relation(option.table, names, table.schema, table.name)) {
        meant.insert(table.display_name());
      } else if (names_table(option, names, table)) {
        meant.insert(table.leaf_display_name());
      }
    }
    if (meant.empty()) {
      throw Error(
          ErrorKind::usage,
          fmt::format("{} names the table {}, which is not among those chosen", what, option.table),
          "write TABLE:VALUE with a table that -t, -n or the default selection takes");
    }
    if (meant.size() > 1) {
      throw Error(ErrorKind::usage,
                  fmt::format("{} names the table {}, which is {} and {}", what, option.table,
                              *meant.begin(), *std::next(meant.begin())),
                  "write schema.table");
    }
    if (!seen.insert(*meant.begin()).second) {
      throw Error(ErrorKind::usage,
                  fmt::format("{} is given twice for the table {}", what, *meant.begin()));
    }
  }
}

}  // namespace pgstride::plan
