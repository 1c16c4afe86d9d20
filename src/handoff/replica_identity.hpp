// Which tables a publication may take: those whose UPDATEs and DELETEs the server can still tell.
// In any other, a publication would make the application's own statements fail (correctness.md, 3).
// Uses the given connection on the calling thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/connection.hpp"

namespace pgstride::handoff {

/// What a change's message says of the row that it was.
struct ReplicaIdentity {
  std::uint32_t oid = 0;
  char identity = 'd';               ///< pg_class.relreplident: d, f, i or n
  std::vector<std::string> columns;  ///< of the index that serves; none under FULL, or if unusable
  std::string unusable;              ///< why the table can't be published, else empty
};

/// Of relations by oid, in one query, ordered by oid; those that are gone are left out. Call it in
/// a READ COMMITTED snapshot, after the locks are had.
std::vector<ReplicaIdentity> replica_identities(pg::Connection& connection,
                                                const std::vector<std::uint32_t>& oids);

}  // namespace pgstride::handoff
