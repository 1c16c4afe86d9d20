// How the tables of a load are looked at and emptied. Functions on the given connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
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

/// How many rows of a table are the job's.
struct RowsAdded {
  std::int64_t certain = 0;   ///< known to be committed
  std::int64_t doubtful = 0;  ///< more, of commits that nobody can tell of
};

/// That a table holds more rows than the job has put there: what was found empty may have got rows
/// of others since. Doubtful ones count only if exactly they are there. Empty if it does not, or
/// this user may not read it.
std::string why_not_ours(pg::Connection& connection, const BookedTable& table,
                         const RowsAdded& added);

/// In a transaction: empties a table that the job has added so many rows to. Gives why it can't,
/// with nothing changed, or nothing: it holds more, is referred to by foreign keys, or may not be
/// truncated.
std::string empty_loaded_table(pg::Connection& connection, const BookedTable& table,
                               const RowsAdded& added);

/// TRUNCATE of these in one statement, in the caller's transaction. Tables that refer to them by
/// foreign keys, which the server wants emptied with them, are named too if each is found empty
/// under its lock. Throws Error as the server does: 0A000 where one of those has rows.
void truncate_tables(pg::Connection& connection, const std::vector<TableName>& tables);

/// Why truncate_tables() would not do it, as the server says; empty: it would. Nothing is changed.
/// Throws Error: lock if the tables can't be had in time.
std::string truncate_obstacle(pg::Connection& connection, const std::vector<TableName>& tables,
                              std::chrono::milliseconds lock_timeout);

/// How many rows the job has added to a table, by its key.
using AddedTo = std::function<RowsAdded(const std::string& key)>;

/// Of tables that a job has loaded something into, those that are emptied to take it back: one that
/// was dropped, and perhaps made again, holds nothing of the job. `names` are the tables by key.
/// Throws Error (usage) where one held rows before, or holds more than the job has added.
std::vector<TableName> tables_to_take_back(pg::Connection& connection,
                                           const std::vector<BookedTable>& loaded,
                                           const std::map<std::string, TableName>& names,
                                           const AddedTo& added);

/// Locks and empties them in the caller's transaction. Throws Error as tables_to_take_back().
void take_back(pg::Connection& connection, const std::vector<BookedTable>& loaded,
               const std::map<std::string, TableName>& names, const AddedTo& added);

}  // namespace pgstride::target
