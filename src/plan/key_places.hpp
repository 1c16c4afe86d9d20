// Which of a table's ranges given keys fall into, asked of the server, as it alone compares keys
// (design.md, invariant 6). Uses the given connection on the calling thread.
#pragma once

#include <cstddef>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/chunk.hpp"
#include "pgstride/table.hpp"

namespace pgstride::plan {

/// For bounds in ascending order: the distinct places of the keys, a key's place being the number
/// of bounds that are not above it. One query that sorts bounds and keys together. Throws Error:
/// server for a value that the key's type does not take, internal for bounds in another order.
std::vector<std::size_t> places_of_keys(pg::Connection& connection, const Key& key,
                                        const std::vector<KeyValue>& bounds,
                                        const std::vector<KeyValue>& keys);

}  // namespace pgstride::plan
