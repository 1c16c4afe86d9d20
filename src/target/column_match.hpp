// Which columns of a source's table go into which of a target's, and what differs: known before the
// first byte. Pure functions; any thread.
#pragma once

#include <string>
#include <vector>

#include "pgstride/table.hpp"
#include "target/target_table.hpp"

namespace pgstride::target {

enum class Severity {
  note,     ///< differs without a change to any value
  warning,  ///< the load may fail, or change values, in the way that is named
  error     ///< can't be loaded
};

struct Difference {
  Severity severity = Severity::note;
  std::string message;  ///< names table and column
  std::string hint;
};

struct ColumnPair {
  Column source;
  TargetColumn target;
};

struct MatchedColumns {
  std::vector<ColumnPair> columns;  ///< in the source's order; what is read and loaded
  std::vector<Difference> differences;

  [[nodiscard]] bool loadable() const;
  [[nodiscard]] std::vector<std::string> names() const;
};

/// Matches by name. A column that the target generates is left out on both sides. `source.columns`
/// are those that are to be copied.
MatchedColumns match_columns(const Table& source, const Types& source_types,
                             const TargetTable& target, const Types& target_types);

/// What is wrong with the target table as a whole: missing, of a kind that can't be loaded, row
/// security, triggers, unlogged.
std::vector<Difference> table_differences(const TargetTable& target);

/// The worst of some differences; `note` for none.
Severity worst(const std::vector<Difference>& differences);

}  // namespace pgstride::target
