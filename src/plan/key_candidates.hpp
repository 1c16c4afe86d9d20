// Keys that a table could be cut by, from its indexes and statistics. Uses the given connection on
// the calling thread only for a key that the user named and no index has.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "plan/key_choice.hpp"

namespace pgstride::plan {

/// The first columns of an index, or columns without one.
struct Candidate {
  Key key;
  std::vector<IndexColumn> columns;
  bool immediate = true;  ///< false: of a deferrable constraint
};

std::optional<Candidate> primary_key(const KeyFacts& facts);
/// A unique index without NULLs; of several the one with the fewest columns, well correlated first.
std::optional<Candidate> unique_not_null(const KeyFacts& facts);
/// Any index whose first column has many values in the order of the heap, by the statistics.
std::optional<Candidate> selective_index(const KeyFacts& facts);
/// The columns of --key, by the best index that begins with them. Throws Error (usage).
Candidate wanted_key(pg::Connection& connection, const Table& table, const KeyFacts& facts,
                     const std::vector<std::string>& names);
/// For --interval without --key: the date or timestamp that leads an index. Throws Error (usage).
Candidate time_key(const Table& table, const KeyFacts& facts);

std::optional<double> correlation_of(const KeyFacts& facts, const Candidate& candidate);
/// True if ranges of the key are known to be spread over the heap.
bool badly_correlated(const KeyFacts& facts, const Candidate& candidate);
/// True if a collation of the key has another version than its index was built with.
bool collation_changed(const KeyFacts& facts, const Candidate& candidate);

}  // namespace pgstride::plan
