// Bounds by walking the key in order and taking every n-th: exact, in one statement, read in
// batches, and an index-only scan where there is an index. Uses its connection on the calling
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "pg/connection.hpp"
#include "plan/cutter.hpp"

namespace pgstride::plan {

using MarkSink = std::function<void(Mark)>;

/// What to walk: keys in [lower, upper), every `step`-th row. `before` rows precede the first, of
/// which `open` are in a chunk that is not full yet.
struct Walk {
  std::optional<KeyValue> lower;
  std::optional<KeyValue> upper;
  std::int64_t step = 1;
  std::int64_t before = 0;
  std::int64_t open = 0;
};

void walk_index(pg::Connection& connection, const Table& table, const Walk& walk,
                const MarkSink& sink);

/// A value that becomes a bound. Throws Error (server) if it is NULL.
std::string bound_text(const Table& table, const pg::Result& result, int row, int column);

/// Runs a query through a cursor, some thousand rows at a time, in a transaction of its own unless
/// one is open. `batch` may run others, under other cursor names.
void for_each_batch(pg::Connection& connection, const std::string& sql,
                    const std::function<void(const pg::Result&)>& batch,
                    const std::string& cursor = "pgstride_plan");

}  // namespace pgstride::plan
