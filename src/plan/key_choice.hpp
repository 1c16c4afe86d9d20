// Which key a table is cut by, or that it is cut by ctid or not at all, and why. Uses the given
// connection on the calling thread only for a key that the user named and no index has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/options.hpp"
#include "plan/catalog.hpp"

namespace pgstride::plan {

/// What the choice for one leaf rests on.
struct KeyFacts {
  const Relation* relation = nullptr;
  const std::vector<ColumnFact>* columns = nullptr;  ///< all of the leaf's
  std::vector<Index> indexes;
  std::unordered_map<std::int16_t, ColumnStatistics> statistics;
  std::unordered_map<std::uint32_t, CollationVersion> collations;
  Size size;
  std::int64_t cache_bytes = 0;  ///< effective_cache_size
};

/// What the user asked for, of one table.
struct KeyRequest {
  SplitChoice split = SplitChoice::automatic;
  std::optional<std::vector<std::string>> columns;  ///< --key
  bool interval = false;  ///< --interval: the key must be of one date or timestamp column
  bool bounds = false;    ///< --bounds: there must be a key
};

/// Sets split, key, key_reason and warnings of the table. Throws Error (usage): no such column, one
/// that has no order, no key that the request can do with.
void choose_key(pg::Connection& connection, Table& table, const KeyFacts& facts,
                const KeyRequest& request);

}  // namespace pgstride::plan
