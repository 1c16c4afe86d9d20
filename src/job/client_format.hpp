// Who formats the rows of a table's files: the workers, from COPY's binary form, wherever its types
// allow it, or the server. The bytes are the same, so nothing of this is stored (speed.md, Under
// the floor). Uses the given connection on the calling thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "format/value_kind.hpp"
#include "pg/connection.hpp"
#include "pgstride/table.hpp"

namespace pgstride::job {

/// How the values of one type get into a csv or text file.
struct TypeFormat {
  std::optional<format::ColumnKind> kind;  ///< none: the server prints them
  /// The built-in function that prints them, quoted and qualified; empty: it can't be called.
  std::string output;
};

/// By type OID.
using TypeFormats = std::unordered_map<std::uint32_t, TypeFormat>;

/// Of all types of these tables' columns, by one query.
TypeFormats read_type_formats(pg::Connection& connection, const std::vector<const Table*>& tables);

/// What workers need to format a table's rows themselves.
struct ClientFormat {
  std::vector<std::string> select_list;     ///< an expression for each column
  std::vector<format::ColumnKind> columns;  ///< of the expressions' values
};

/// None: the server formats the table.
std::optional<ClientFormat> client_format(const Table& table, const TypeFormats& types);

}  // namespace pgstride::job
