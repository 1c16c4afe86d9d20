#include "pg/conninfo_parts.hpp"

#include <libpq-fe.h>

#include <memory>
#include <string_view>

#include "pg/conninfo.hpp"

namespace pgstride::pg {

std::string conninfo_part(const std::string& conninfo, const std::string& keyword) {
  struct FreeOptions {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
  };
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(
      PQconninfoParse(conninfo.c_str(), nullptr));
  for (const auto* option = options.get(); option != nullptr && option->keyword != nullptr;
       ++option) {
    if (keyword == option->keyword && option->val != nullptr) {
      return option->val;
    }
  }
  return "";
}

std::string portable_conninfo(const Connection& connection, const std::string& conninfo) {
  const auto out = storable_conninfo(connection, conninfo);
  const auto password = conninfo_part(conninfo, "password");
  return password.empty() ? out : out + " password=" + quote_conninfo(password);
}

}  // namespace pgstride::pg
