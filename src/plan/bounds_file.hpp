// The user's own bounds: a file with one inner bound a line, ascending, as PostgreSQL prints the
// value (a key of several columns as a row: `(1,abc)`). Uses its connection on the calling thread.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "pg/connection.hpp"
#include "plan/cutter.hpp"

namespace pgstride::plan {

/// Lines of the file. Throws Error (usage) if it can't be read or is empty.
std::int64_t count_bounds(const std::filesystem::path& file);

/// Reads the bounds in order, checked and put into canonical form by the server, by the key's own
/// type and operators. Throws Error (usage), naming the file and line, for a value that the type
/// refuses or one that is not above the line before.
void for_each_bound(pg::Connection& connection, const Table& table,
                    const std::filesystem::path& file, const std::function<void(KeyValue)>& sink);

/// The fields of a row literal: `(1,"a b","x""y")`. Throws Error (usage) if it is none of so many.
KeyValue parse_row(const std::string& line, std::size_t fields);

}  // namespace pgstride::plan
