// Which unique key of a target table decides whether a row is there already. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "target/target_table.hpp"

namespace pgstride::target {

struct ConflictKey {
  std::string index;
  std::vector<std::string> columns;
  std::vector<std::string> operators;  ///< the equality of each: `OPERATOR(pg_catalog.=)`
  /// Of the index, quoted and qualified where it is not the column's; else empty.
  std::vector<std::string> collations;
  bool nulls_distinct = true;  ///< rows with a NULL in the key never conflict
};

/// Whatever the index is like.
ConflictKey key_of(const UniqueIndex& index);

/// The unique key over `wanted` (in any order), or if that is empty the primary key, else the only
/// unique key there is. It must be over columns that are loaded, whole, immediate and valid. Throws
/// Error (usage) that says why there is none.
ConflictKey choose_conflict_key(const TargetTable& target, const std::vector<std::string>& loaded,
                                const std::vector<std::string>& wanted = {});

/// As choose_conflict_key without a wish; none where there is no such key.
std::optional<ConflictKey> find_conflict_key(const TargetTable& target,
                                             const std::vector<std::string>& loaded);

/// True if `ON CONFLICT DO NOTHING` can be asked of all unique keys at once: the server refuses it
/// where one is deferrable.
bool any_conflict_detectable(const TargetTable& target);

}  // namespace pgstride::target
