#include "pg/text_array.hpp"
#include "plan/catalog.hpp"
#include "plan/plan.hpp"

namespace pgstride::plan {

std::vector<LeafIdentity> leaf_identities(pg::Connection& connection,
                                          const std::vector<std::uint32_t>& oids) {
  const auto relations = connection.query(R"sql(
    SELECT c.oid, c.relfilenode, n.nspname, c.relname, k.attname, c.relreplident
    FROM unnest($1::oid[]) AS wanted (oid)
    JOIN pg_class c ON c.oid = wanted.oid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    LEFT JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS part (n) ON true
    LEFT JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = i.indkey[part.n]
    ORDER BY c.oid, part.n
  )sql",
                                          {pg::array_text(oids)});
  auto columns = read_columns(connection, oids);
  std::vector<LeafIdentity> identities;
  for (int row = 0; row < relations.rows(); ++row) {
    const auto oid = static_cast<std::uint32_t>(relations.int64(row, 0));
    if (identities.empty() || identities.back().oid != oid) {
      auto& identity = identities.emplace_back();
      identity.oid = oid;
      identity.relfilenode = static_cast<std::uint32_t>(relations.int64(row, 1));
      identity.schema = relations.text(row, 2);
      identity.name = relations.text(row, 3);
      identity.replica_identity = relations.get(row, 5).front();
      for (auto& column : columns[oid]) {
        identity.columns.push_back(std::move(column.column));
      }
    }
    if (!relations.is_null(row, 4)) {
      identities.back().primary_key.push_back(relations.text(row, 4));
    }
  }
  return identities;
}

std::vector<TreeMember> tree_members(pg::Connection& connection,
                                     const std::vector<std::uint32_t>& roots) {
  const auto result = connection.query(R"sql(
    WITH RECURSIVE tree (root, member) AS (
      SELECT wanted.oid, wanted.oid FROM unnest($1::oid[]) AS wanted (oid)
      UNION
      SELECT tree.root, i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.member
      WHERE NOT i.inhdetachpending
    )
    SELECT tree.root, c.oid, c.relkind = 'p', n.nspname, c.relname
    FROM tree
    JOIN pg_class c ON c.oid = tree.member
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE EXISTS (SELECT FROM pg_class r WHERE r.oid = tree.root)
  )sql",
                                       {pg::array_text(roots)});
  std::vector<TreeMember> members;
  members.reserve(static_cast<std::size_t>(result.rows()));
  for (int row = 0; row < result.rows(); ++row) {
    members.push_back({static_cast<std::uint32_t>(result.int64(row, 0)),
                       static_cast<std::uint32_t>(result.int64(row, 1)), result.boolean(row, 2),
                       result.text(row, 3), result.text(row, 4)});
  }
  return members;
}

std::map<std::string, std::string>
present_collation_versions(pg::Connection& connection, const std::vector<std::string>& collations) {
  std::map<std::string, std::string> versions;
  if (collations.empty()) {
    return versions;
  }
  const auto names = connection.query(R"sql(
    SELECT name, to_regcollation(name)::oid FROM unnest($1::text[]) AS wanted (name)
    WHERE to_regcollation(name) IS NOT NULL
  )sql",
                                      {pg::array_text(collations)});
  std::vector<std::uint32_t> oids;
  oids.reserve(static_cast<std::size_t>(names.rows()));
  for (int row = 0; row < names.rows(); ++row) {
    oids.push_back(static_cast<std::uint32_t>(names.int64(row, 1)));
  }
  const auto found = collation_versions(connection, oids);
  for (int row = 0; row < names.rows(); ++row) {
    const auto version = found.find(oids[static_cast<std::size_t>(row)]);
    if (version != found.end() && !version->second.actual.empty()) {
      versions[names.text(row, 0)] = version->second.actual;
    }
  }
  return versions;
}

}  // namespace pgstride::plan
