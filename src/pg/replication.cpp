#include "pg/replication.hpp"

#include <utility>

#include "pg/quote.hpp"

namespace pgstride::pg {

namespace {

constexpr int k_options_in_parentheses = 150000;
constexpr std::chrono::seconds k_look_every{1};

ConnectOptions replicating(ConnectOptions options) {
  options.replication = true;
  return options;
}

}  // namespace

std::string create_slot_statement(const SlotRequest& request, int server_version) {
  std::string sql = "CREATE_REPLICATION_SLOT " + quote_identifier(request.name);
  sql += request.temporary ? " TEMPORARY" : "";
  sql += " LOGICAL " + quote_identifier(request.plugin);
  if (server_version < k_options_in_parentheses) {
    return sql + " EXPORT_SNAPSHOT";
  }
  return sql + " (SNAPSHOT 'export'" + (request.failover ? ", FAILOVER true)" : ")");
}

ExportingSlot::ExportingSlot(ConnectOptions options, const SlotRequest& request,
                             const std::function<void()>& waiting)
    : m_connection(replicating(std::move(options))) {
  const auto result = m_connection.exec(
      create_slot_statement(request, m_connection.server_version()), k_look_every, waiting);
  m_consistent_point = Lsn::parse(result.get(0, 1));
  m_snapshot_id = result.text(0, 2);
}

}  // namespace pgstride::pg
