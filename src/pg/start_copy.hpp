// Starts a COPY statement, or replication, and waits for its data to flow. Belongs to its
// connection's thread.
#pragma once

#include <string>

#include "pg/connection.hpp"

namespace pgstride::pg {

enum class CopyDirection { out, in, both };

/// Throws Error as Connection::exec does, and (usage) if the statement is no COPY TO STDOUT, FROM
/// STDIN or START_REPLICATION, as asked; a connection on which another COPY runs then is closed.
void start_copy(Connection& connection, const std::string& sql, CopyDirection direction);

}  // namespace pgstride::pg
