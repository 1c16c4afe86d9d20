// The statements that empty target tables and load them by COPY. Pure functions; any thread. All
// names in them are qualified: they mean the same under any search_path.
#pragma once

#include <string>
#include <vector>

#include "pgstride/options.hpp"
#include "target/target_table.hpp"

namespace pgstride::target {

struct CopyIn {
  Format format = Format::text;
  /// Rows become visible and frozen at once; only where the table was made or truncated in the same
  /// transaction, and is not partitioned.
  bool freeze = false;
  std::string options = {};  ///< further ones, e.g. `DELIMITER ';'`
  std::string tag = {};      ///< goes before it as a comment: `pgstride job public.orders chunk 42`
};

/// COPY … FROM STDIN with an explicit list of columns. Without columns the list is left out: such a
/// table has none to be loaded.
std::string copy_statement(const TableName& table, const std::vector<std::string>& columns,
                           const CopyIn& copy);

/// One statement, so that foreign keys among them don't matter. Children by inheritance are
/// spared, partitions are not. Sequences keep their values.
std::string truncate_statement(const std::vector<TargetTable>& tables);

}  // namespace pgstride::target
