// Columns that COPY's binary format can't carry. Uses the given session on the calling thread.
#pragma once

#include <vector>

#include "pg/connection.hpp"
#include "pgstride/table.hpp"

namespace pgstride::job {

/// Throws Error (usage), naming them, for columns whose type, or a type within it, has no send
/// function (PostgreSQL documentation, pg_type.typsend).
void check_binary_columns(pg::Connection& connection, const std::vector<Table>& tables);

}  // namespace pgstride::job
