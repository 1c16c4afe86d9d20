#include <fmt/format.h>

#include "handoff/consumer_config.hpp"
#include "pg/quote.hpp"

namespace pgstride::handoff {

std::string create_subscription(const HandoffTarget& target, const std::string& publication,
                                const std::string& conninfo) {
  return fmt::format("CREATE SUBSCRIPTION {}\n  CONNECTION {}\n  PUBLICATION {}\n  WITH (copy_data "
                     "= false, create_slot = false, enabled = false, slot_name = {})",
                     pg::quote_identifier(target.subscription), pg::quote_literal(conninfo),
                     pg::quote_identifier(publication), pg::quote_literal(target.slot));
}

// Documentation, 9.27.6: apply workers' origins are called pg_ and the subscription's oid.
// Advancing goes backward too, and what was applied would come once more.
std::string advance_origin(const HandoffTarget& target, Lsn lsn) {
  return fmt::format("SELECT pg_catalog.pg_replication_origin_advance('pg_' || oid, '{0}')\n"
                     "  FROM pg_catalog.pg_subscription\n"
                     " WHERE subname = {1} AND subdbid = (SELECT oid FROM pg_catalog.pg_database "
                     "WHERE datname = pg_catalog.current_database())\n"
                     "   AND coalesce(pg_catalog.pg_replication_origin_progress('pg_' || oid, "
                     "true), '0/0') < '{0}'",
                     lsn.text(), pg::quote_literal(target.subscription));
}

std::string enable_subscription(const HandoffTarget& target) {
  return fmt::format("ALTER SUBSCRIPTION {} ENABLE", pg::quote_identifier(target.subscription));
}

std::string copy_slot(const std::string& from, const std::string& to) {
  return fmt::format("SELECT pg_catalog.pg_copy_logical_replication_slot({}, {})",
                     pg::quote_literal(from), pg::quote_literal(to));
}

std::string subscription_sql(const Handoff& handoff) {
  std::string out =
      fmt::format("-- The changes of pgstride's job {} from {} on, applied by PostgreSQL itself.\n"
                  "-- The connection string must reach the source from the target; it holds no "
                  "password: add one, or\n-- let the target's server have it in its .pgpass.\n",
                  handoff.job, handoff.start_lsn.text());
  for (const auto& table : handoff.tables) {
    if (!table.published) {
      out +=
          fmt::format("-- Not in the stream: {}.{} ({})\n", table.schema, table.name, table.reason);
    }
  }
  bool on_source = false;
  for (const auto& target : handoff.targets) {
    if (target.slot != handoff.slot) {
      out += on_source ? "" : "\n-- First, on the source: a slot for each further target.\n";
      on_source = true;
      out += copy_slot(handoff.slot, target.slot) + ";\n";
    }
  }
  for (const auto& target : handoff.targets) {
    out += fmt::format("\n-- On target {}{}:\n{};\n", target.id,
                       target.database.empty() ? "" : " (database " + target.database + ")",
                       create_subscription(target, handoff.publication, handoff.conninfo));
    out += "-- What is older than the target's rows is left out.\n";
    out += advance_origin(target, handoff.start_lsn) + ";\n";
    out += enable_subscription(target) + ";\n";
  }
  return out;
}

}  // namespace pgstride::handoff
