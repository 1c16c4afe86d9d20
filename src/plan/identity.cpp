#include "plan/catalog.hpp"
#include "plan/plan.hpp"
#include "plan/text_array.hpp"

namespace pgstride::plan {

std::vector<LeafIdentity> leaf_identities(pg::Connection& connection,
                                          const std::vector<std::uint32_t>& oids) {
  const auto relations = connection.query(R"sql(
    SELECT c.oid, c.relfilenode, n.nspname, c.relname
    FROM unnest($1::oid[]) AS wanted (oid)
    JOIN pg_class c ON c.oid = wanted.oid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    ORDER BY c.oid
  )sql",
                                          {array_text(oids)});
  auto columns = read_columns(connection, oids);
  std::vector<LeafIdentity> identities;
  for (int row = 0; row < relations.rows(); ++row) {
    LeafIdentity identity;
    identity.oid = static_cast<std::uint32_t>(relations.int64(row, 0));
    identity.relfilenode = static_cast<std::uint32_t>(relations.int64(row, 1));
    identity.schema = relations.text(row, 2);
    identity.name = relations.text(row, 3);
    for (auto& column : columns[identity.oid]) {
      identity.columns.push_back(std::move(column.column));
    }
    identities.push_back(std::move(identity));
  }
  return identities;
}

}  // namespace pgstride::plan
