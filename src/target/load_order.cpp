#include "target/load_order.hpp"

#include <set>

#include <fmt/format.h>

namespace pgstride::target {

namespace {

std::set<TableName> names_of(const std::vector<TargetTable>& tables) {
  std::set<TableName> names;
  for (const auto& table : tables) {
    names.insert(table.name);
  }
  return names;
}

}  // namespace

std::vector<Difference> truncate_differences(const std::vector<TargetTable>& tables) {
  const auto names = names_of(tables);
  std::vector<Difference> out;
  for (const auto& table : tables) {
    if (table.exists() && !table.may_truncate) {
      out.push_back(
          {Severity::error, fmt::format("may not truncate {}", table.name.display()),
           fmt::format("run: GRANT TRUNCATE ON {} TO the target's user", table.name.quoted())});
    }
    for (const auto& reference : table.references) {
      if (!names.contains(reference.table)) {
        out.push_back(
            {Severity::error,
             fmt::format("can't truncate {}: foreign key \"{}\" of {} refers to it",
                         table.name.display(), reference.constraint, reference.table.display()),
             "select that table too, or --defer-indexes, which builds foreign keys "
             "afterwards"});
      }
    }
  }
  return out;
}

std::vector<Difference> load_order_differences(const std::vector<TargetTable>& tables) {
  const auto names = names_of(tables);
  std::vector<Difference> out;
  for (const auto& table : tables) {
    for (const auto& key : table.foreign_keys) {
      if (names.contains(key.table)) {
        out.push_back({Severity::warning,
                       fmt::format("foreign key \"{}\" of {} refers to {}, which is loaded by the "
                                   "same job: rows may come before those they refer to",
                                   key.constraint, table.name.display(), key.table.display()),
                       "--defer-indexes builds foreign keys after the load; --disable-triggers "
                       "does not check them"});
      }
    }
  }
  return out;
}

}  // namespace pgstride::target
