// `TABLE:VALUE` options and the tables that they mean. Pure functions; any thread.
#pragma once

#include <vector>

#include "pgstride/options.hpp"
#include "pgstride/table.hpp"

namespace pgstride::plan {

/// The option's value for a table (named by its own or its root parent's name), or nullptr.
const TableOption* option_for(const std::vector<TableOption>& options, const Table& table);

/// Throws Error (usage) if an option names no table of the selection, or a bare name is that of
/// tables in several schemas, or a table has two options of the kind. `what`: `--where`.
void check_table_options(const std::vector<TableOption>& options, const std::vector<Table>& tables,
                         const char* what);

}  // namespace pgstride::plan
