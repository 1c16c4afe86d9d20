// What stands in a connection string, and one for another program that must reach the same server.
// Pure but for portable_conninfo().
#pragma once

#include <string>

#include "pg/connection.hpp"

namespace pgstride::pg {

/// The value of a keyword (`host`), empty if it is not there or the string can't be read.
std::string conninfo_part(const std::string& conninfo, const std::string& keyword);

/// As storable_conninfo(), with the password if the string has one: only for the server that is to
/// use it; never to be stored or shown.
std::string portable_conninfo(const Connection& connection, const std::string& conninfo);

}  // namespace pgstride::pg
