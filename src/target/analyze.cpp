#include "target/analyze.hpp"

#include <fmt/format.h>

namespace pgstride::target {

std::vector<Difference> analyze_tables(pg::Connection& connection,
                                       const std::vector<TableName>& tables) {
  std::vector<Difference> out;
  for (const auto& table : tables) {
    try {
      connection.exec("ANALYZE " + table.quoted());
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::server || error.poisons_connection()) {
        throw;
      }
      out.push_back({Severity::warning,
                     fmt::format("could not analyze {}: {}", table.display(), error.what()),
                     fmt::format("run: ANALYZE {}", table.quoted())});
    }
  }
  return out;
}

}  // namespace pgstride::target
