// Cuts a table by its key: chooses where the bounds come from and streams them into chunks. Uses
// its connection on the calling thread.
#pragma once

#include <cstdint>

#include "pg/connection.hpp"
#include "plan/cutter.hpp"
#include "plan/table_facts.hpp"

namespace pgstride::plan {

/// What a cut works on. `chunks` are wanted, of about `target` rows each.
struct KeyCut {
  pg::Connection& connection;
  Table& table;
  const TableFacts& facts;
  std::int64_t chunks = 1;
  std::int64_t target = 1;
};

/// Where bounds come from.
enum class BoundsSource {
  walk,       ///< the key in order: exact
  histogram,  ///< the server's statistics
  sample      ///< some pages or rows
};

/// Statistics if they are fresh, else the walk or, for very large tables, a sample; a small table
/// is always walked. Warns in the table where statistics would have been faster.
BoundsSource choose_source(const KeyCut& cut);

/// Into even chunks. Statistics that are not fine enough leave their work to the others.
void cut_by_rows(const KeyCut& cut, BoundsSource source, ChunkCounter& counter);

/// On calendar boundaries; a period of more than a chunk's rows is cut further by walking its keys.
void cut_by_interval(const KeyCut& cut, const std::string& interval, ChunkCounter& counter);
/// At the bounds of a file.
void cut_by_file(const KeyCut& cut, const std::string& file, ChunkCounter& counter);

}  // namespace pgstride::plan
