#include "handoff/replica_identity.hpp"

#include "pg/text_array.hpp"

namespace pgstride::handoff {

namespace {

// As CheckCmdReplicaIdentity() and check_publication_add_relation() decide it.
std::string why_unusable(char kind, char persistence, char identity, bool has_index) {
  if (kind != 'r' && kind != 'p') {
    return "it is no table";
  }
  if (persistence != 'p') {
    return "it is unlogged: its changes are not in the WAL";
  }
  if (identity == 'f' || has_index) {
    return "";
  }
  if (identity == 'n') {
    return "its replica identity is NOTHING";
  }
  return identity == 'i' ? "the index of its replica identity is gone"
                         : "it has no primary key, or a deferrable one, and no other replica "
                           "identity";
}

}  // namespace

std::vector<ReplicaIdentity> replica_identities(pg::Connection& connection,
                                                const std::vector<std::uint32_t>& oids) {
  const auto result = connection.query(R"sql(
    SELECT c.oid, c.relkind, c.relpersistence, c.relreplident, i.indexrelid IS NOT NULL, k.attname
      FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS wanted (oid)
      JOIN pg_catalog.pg_class c ON c.oid = wanted.oid
      LEFT JOIN pg_catalog.pg_index i
        ON i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
       AND i.indpred IS NULL
       AND CASE c.relreplident WHEN 'd' THEN i.indisprimary
                               WHEN 'i' THEN i.indisreplident ELSE false END
      LEFT JOIN LATERAL pg_catalog.generate_series(0, i.indnkeyatts - 1) AS part (n) ON true
      LEFT JOIN pg_catalog.pg_attribute k ON k.attrelid = c.oid AND k.attnum = i.indkey[part.n]
     ORDER BY c.oid, part.n
  )sql",
                                       {pg::array_text(oids)});
  std::vector<ReplicaIdentity> out;
  for (int row = 0; row < result.rows(); ++row) {
    const auto oid = static_cast<std::uint32_t>(result.int64(row, 0));
    if (out.empty() || out.back().oid != oid) {
      auto& found = out.emplace_back();
      found.oid = oid;
      found.identity = result.get(row, 3).front();
      found.unusable = why_unusable(result.get(row, 1).front(), result.get(row, 2).front(),
                                    found.identity, result.boolean(row, 4));
    }
    if (!result.is_null(row, 5)) {
      out.back().columns.push_back(result.text(row, 5));
    }
  }
  return out;
}

}  // namespace pgstride::handoff
