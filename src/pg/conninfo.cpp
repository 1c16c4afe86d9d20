#include "pg/conninfo.hpp"

#include <libpq-fe.h>

#include <array>
#include <map>
#include <memory>

#include <fmt/format.h>

namespace pgstride::pg {

namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

// libpq marks passwords with the display character `*` (documentation, 34.1, PQconndefaults).
bool is_secret(const PQconninfoOption& option) {
  return option.dispchar != nullptr && option.dispchar[0] == '*';
}

void collect(const PQconninfoOption* options, std::map<std::string, std::string>& values,
             bool completing) {
  for (const auto* option = options; option != nullptr && option->keyword != nullptr; ++option) {
    const std::string keyword = option->keyword;
    const bool wanted = !completing || keyword == "host" || keyword == "port" ||
                        keyword == "dbname" || keyword == "user";
    if (option->val != nullptr && *option->val != '\0' && wanted && !is_secret(*option)) {
      values.emplace(keyword, option->val);
    }
  }
}

}  // namespace

std::string quote_conninfo(const std::string& value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out + "'";
}

std::string storable_conninfo(const Connection& connection, const std::string& conninfo) {
  std::map<std::string, std::string> values;
  const Options given(PQconninfoParse(conninfo.c_str(), nullptr));
  collect(given.get(), values, false);
  const Options used(PQconninfo(connection.native()));
  if (values.contains("hostaddr") || values.contains("service")) {
    values.try_emplace("host", "");  // those say where; a host beside them would change it
  }
  collect(used.get(), values, true);
  std::string out;
  for (const auto& [keyword, value] : values) {
    if (!value.empty()) {
      out += (out.empty() ? "" : " ") + keyword + "=" + quote_conninfo(value);
    }
  }
  return out;
}

ConnectionEnvironment connection_environment(const Connection& connection) {
  ConnectionEnvironment out;
  // A service file would win over the variables; what it says is among the values already.
  out.hidden = {"PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR"};
  const Options used(PQconninfo(connection.native()));
  for (const auto* option = used.get(); option != nullptr && option->keyword != nullptr; ++option) {
    const std::string keyword = option->keyword;
    if (option->envvar == nullptr || keyword == "application_name" || keyword == "service") {
      continue;
    }
    out.hidden.emplace_back(option->envvar);
    std::string value = option->val == nullptr ? "" : option->val;
    if (keyword == "host") {
      value = PQhost(connection.native());  // of several the one that answered
    } else if (keyword == "hostaddr") {
      value = value.empty() ? "" : PQhostaddr(connection.native());
    } else if (keyword == "port") {
      value = PQport(connection.native());
    } else if (keyword == "dbname") {
      out.dbname = "dbname=" + quote_conninfo(value);
    }
    if (!value.empty()) {
      out.variables.push_back(std::string(option->envvar) + "=" + value);
    }
  }
  return out;
}

ServerIdentity server_identity(Connection& connection) {
  const auto result = connection.exec(R"sql(
    SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()),
           pg_catalog.current_database(),
           (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),
           pg_catalog.current_setting('server_version'),
           pg_catalog.pg_is_in_recovery()
  )sql");
  ServerIdentity identity;
  identity.system_identifier = result.text(0, 0);
  identity.database = result.text(0, 1);
  identity.timeline = result.int64(0, 2);
  identity.version = result.text(0, 3).substr(0, result.text(0, 3).find(' '));
  identity.standby = result.boolean(0, 4);
  return identity;
}

}  // namespace pgstride::pg
