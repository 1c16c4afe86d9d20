#include "handoff/membership.hpp"

namespace pgstride::handoff {

// A row of the catalog that was changed has the transaction that did it as its xmin, also once that
// is frozen (htup_details.h, HEAP_XMIN_FROZEN); one that was made again another oid. Row filters
// and column lists there are from 15 on.
std::map<std::uint32_t, std::string> publication_memberships(pg::Connection& connection,
                                                             const std::string& publication) {
  const auto result = connection.query(R"sql(
    SELECT r.prrelid, pg_catalog.format('%s:%s %s:%s', p.oid, p.xmin, r.oid, r.xmin)
      FROM pg_catalog.pg_publication p
      JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid
     CROSS JOIN LATERAL pg_catalog.to_jsonb(r) AS full_row (fields)
     WHERE p.pubname = $1
       AND p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AND NOT p.pubviaroot
       AND full_row.fields ->> 'prqual' IS NULL
       AND full_row.fields ->> 'prattrs' IS NULL
  )sql",
                                       {publication});
  std::map<std::uint32_t, std::string> memberships;
  for (int row = 0; row < result.rows(); ++row) {
    memberships.emplace(static_cast<std::uint32_t>(result.int64(row, 0)), result.text(row, 1));
  }
  return memberships;
}

}  // namespace pgstride::handoff
