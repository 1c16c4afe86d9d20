// How the tables of a load are looked at and emptied. Functions on the given connection.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "target/load_book.hpp"
#include "target/table_name.hpp"

namespace pgstride::target {

/// What TRUNCATE is to name: not what inherits from a plain table, but all partitions.
std::string to_be_emptied(pg::Connection& connection, const TableName& name);

/// `table.base`, or `held_rows` if somebody has written since it was looked at. A table that this
/// user may not read tells nothing.
TableBase base_now(pg::Connection& connection, const BookedTable& table);

/// That a table holds more rows than the `added` ones that the job is known to have put there: what
/// was found empty may have got rows of others since. Empty if it does not, or this user may not
/// read it.
std::string why_not_ours(pg::Connection& connection, const BookedTable& table, std::int64_t added);

/// In a transaction: empties a table that the job has added so many rows to. Gives why it can't,
/// with nothing changed, or nothing: it holds more, is referred to by foreign keys, or may not be
/// truncated.
std::string empty_loaded_table(pg::Connection& connection, const BookedTable& table,
                               std::int64_t added);

/// TRUNCATE of these in one statement, in the caller's transaction. Tables that refer to them by
/// foreign keys, which the server wants emptied with them, are named too if each is found empty
/// under its lock. Throws Error as the server does: 0A000 where one of those has rows.
void truncate_tables(pg::Connection& connection, const std::vector<TableName>& tables);

}  // namespace pgstride::target
