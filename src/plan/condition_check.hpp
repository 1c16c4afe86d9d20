// Whether a filter means the same in every chunk: each is read by a session and a transaction of
// its own, perhaps a day later. Uses the given connection on the calling thread.
#pragma once

#include "pg/connection.hpp"
#include "pgstride/table.hpp"

namespace pgstride::plan {

/// Throws Error (usage) if the table's filter calls a function whose result depends on when or
/// where it is run: the clock, random numbers, the session; a function of the user's own that is
/// not IMMUTABLE. Stable functions of pg_catalog that only depend on settings are taken, since all
/// sessions have the same (correctness.md, 7). True if the filter has a subquery.
bool check_filter(pg::Connection& connection, const Table& table);

}  // namespace pgstride::plan
