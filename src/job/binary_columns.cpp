#include "job/binary_columns.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include <fmt/format.h>

#include "pg/text_array.hpp"
#include "pgstride/error.hpp"

namespace pgstride::job {

namespace {

constexpr const char* k_without_send = R"sql(
  WITH RECURSIVE part (root, oid) AS (
    SELECT r.oid, r.oid FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS r (oid)
    UNION
    SELECT p.root, n.oid
    FROM part p
    JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) p.oid
    CROSS JOIN LATERAL (
      SELECT t.typbasetype WHERE t.typtype = 'd'
      UNION ALL
      SELECT t.typelem WHERE t.typelem <> 0 AND t.typcategory = 'A'
      UNION ALL
      SELECT a.atttypid FROM pg_catalog.pg_attribute a
       WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS n (oid)
  )
  SELECT p.root, pg_catalog.format_type(p.oid, NULL)
  FROM part p
  JOIN pg_catalog.pg_type t ON t.oid = p.oid
  WHERE t.typsend::pg_catalog.oid = 0
)sql";

}  // namespace

void check_binary_columns(pg::Connection& connection, const std::vector<Table>& tables) {
  std::set<std::uint32_t> oids;
  for (const auto& table : tables) {
    for (const auto& column : table.columns) {
      oids.insert(column.type_oid);
    }
  }
  const auto found = connection.query(
      k_without_send, {pg::array_text(std::vector<std::uint32_t>(oids.begin(), oids.end()))});
  std::map<std::uint32_t, std::string> without;
  for (int row = 0; row < found.rows(); ++row) {
    without.emplace(static_cast<std::uint32_t>(found.int64(row, 0)), found.text(row, 1));
  }
  std::string named;
  for (const auto& table : tables) {
    for (const auto& column : table.columns) {
      if (const auto type = without.find(column.type_oid); type != without.end()) {
        named += fmt::format("{}column \"{}\" of table {} (type {})", named.empty() ? "" : ", ",
                             column.name, table.leaf_display_name(), type->second);
      }
    }
  }
  if (!named.empty()) {
    throw Error(ErrorKind::usage, "there is no binary form for " + named,
                "use --format csv or text, or leave them out with --columns");
  }
}

}  // namespace pgstride::job
