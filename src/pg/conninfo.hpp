// Connection strings without their secrets, and who the server is. Pure but for server_identity.
#pragma once

#include <cstdint>
#include <string>

#include "pg/connection.hpp"

namespace pgstride::pg {

/// The same string as `key='value'` pairs without password, passfile contents or sslpassword: fit
/// for the checkpoint. Throws Error (usage) if it can't be parsed.
std::string without_secrets(const std::string& conninfo);

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
