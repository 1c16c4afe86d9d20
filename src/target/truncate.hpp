// How a table is emptied. A function on the given connection.
#pragma once

#include <string>

#include "pg/connection.hpp"
#include "target/table_name.hpp"

namespace pgstride::target {

/// What TRUNCATE is to name: not what inherits from a plain table, but all partitions.
std::string to_be_emptied(pg::Connection& connection, const TableName& name);

}  // namespace pgstride::target
