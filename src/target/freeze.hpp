// COPY … FREEZE: rows that no later vacuum has to write again, which PostgreSQL allows into a table
// that was truncated in the same transaction. Functions; the given connection on the calling
// thread.
#pragma once

#include "pg/connection.hpp"
#include "target/target_table.hpp"

namespace pgstride::target {

/// Whether such a table may be truncated on the way: a plain one that no foreign key refers to and
/// that has no trigger.
bool may_freeze(const TargetTable& table);

/// In a transaction that is about to COPY all the rows of a table: takes the table for itself and
/// truncates it, provided that it is empty, so that nobody's rows are lost by it. False, and
/// nothing changed, if it has rows, another session uses it, or this user may not read it. Never
/// waits.
bool begin_freeze(pg::Connection& connection, const TableName& table);

}  // namespace pgstride::target
