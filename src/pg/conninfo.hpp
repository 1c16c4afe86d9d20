// Connection strings without their secrets, and who the server is. Pure but for server_identity.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/connection.hpp"

namespace pgstride::pg {

/// A connection string fit for the checkpoint: the given one without passwords, completed by the
/// host, port, user and database that the connection came to, so that a resume needs no PG*
/// variables but for credentials.
std::string storable_conninfo(const Connection& connection, const std::string& conninfo);

/// A value as a connection string takes it.
std::string quote_conninfo(const std::string& value);

/// How another program of PostgreSQL's comes to the same server, database and user: a connection
/// string without secrets for its command line, and the variables that say the rest, password and
/// all. `hidden` are those that would mean another server and must not be passed on.
struct ConnectionEnvironment {
  std::string dbname;                  ///< `dbname='…'`
  std::vector<std::string> variables;  ///< `PGHOST=…`, …
  std::vector<std::string> hidden;     ///< names
};

ConnectionEnvironment connection_environment(const Connection& connection);

/// Who a server is, to know it again on a resume.
struct ServerIdentity {
  std::string system_identifier;  ///< pg_control_system(); 64 bits, as decimal text
  std::string database;
  std::int64_t timeline = 0;
  std::string version;  ///< `15.18`
  bool standby = false;
};

ServerIdentity server_identity(Connection& connection);

}  // namespace pgstride::pg
