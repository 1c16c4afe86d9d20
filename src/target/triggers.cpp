#include "target/triggers.hpp"

#include <fmt/format.h>

#include "pg/quote.hpp"

namespace pgstride::target {

void disable_triggers(pg::Connection& connection) {
  try {
    connection.exec("SET session_replication_role = replica");
  } catch (const Error& error) {
    if (error.sqlstate() != "42501") {
      throw;
    }
    const auto user = connection.exec("SELECT current_user").text(0, 0);
    throw Error(ErrorKind::usage,
                fmt::format("\"{}\" may not disable triggers on the target", user),
                connection.server_version() < 150000
                    ? "--disable-triggers needs a superuser before PostgreSQL 15"
                    : fmt::format("run as a superuser: GRANT SET ON PARAMETER "
                                  "session_replication_role TO {}",
                                  pg::quote_identifier(user)));
  }
}

}  // namespace pgstride::target
