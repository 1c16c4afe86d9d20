// Which relations a selection means: patterns → relations → leaves. Uses the given connection on
// the calling thread.
#pragma once

#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/options.hpp"
#include "plan/catalog.hpp"

namespace pgstride::plan {

/// A relation that holds rows (or a view), and the one whose name its files bear.
struct Leaf {
  const Relation* relation = nullptr;
  const Relation* root = nullptr;  ///< itself, or the topmost parent
};

/// The leaves of a selection; pointers go into `relations`. Parents bring their partitions and
/// children; an exclusion of a parent takes them away. Views and foreign tables, members of
/// extensions and unpopulated materialized views only if named exactly. Throws Error (usage) for a
/// pattern that matches nothing.
std::vector<Leaf> select_leaves(pg::Connection& connection, const SelectOptions& select,
                                const std::vector<Relation>& relations);

}  // namespace pgstride::plan
