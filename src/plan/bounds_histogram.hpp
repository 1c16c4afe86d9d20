// Bounds from the server's statistics of the key's column: its histogram merged with its most
// common values, and, for the places between them, the keys of some single rows. No scan. Reading
// uses the given connection on the calling thread; the rest is pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "plan/bounds_index_skip.hpp"
#include "plan/key_position.hpp"
#include "plan/table_facts.hpp"

namespace pgstride::plan {

enum class ItemKind {
  bound,   ///< of the histogram: as many rows lie between any two neighbours
  common,  ///< one of the most common values, with their part of the rows
  probe    ///< the key of a single row
};

/// A known value of the key, with the part of all rows that have it and the part that lie between
/// it and the next item.
struct HistogramItem {
  std::string value;
  std::optional<Int128> position;
  ItemKind kind = ItemKind::bound;
  double at = 0;
  double after = 0;
};

struct Histogram {
  std::string type;                  ///< of the key's column
  std::vector<HistogramItem> items;  ///< ascending in the server's order of the key
  double null_frac = 0;
};

/// None if there are no statistics that this user may see, or nothing in them to cut by. The items
/// are put in order by the server, by the key's own operators and collation. About `probes` rows
/// are looked at, each on another page of the heap, at even distances.
std::optional<Histogram> read_histogram(pg::Connection& connection, const Table& table,
                                        const TableFacts& facts, std::int64_t probes);

/// Gives each item its `after`. A bucket's part is shared evenly among the pieces that its probes
/// make of it (where there are more rows there are more probes), and that of a piece, cut by common
/// values, by distance where positions are known. Probes that tell nothing are taken out.
void spread_buckets(Histogram& histogram);

/// True if no gap between neighbouring items is so wide that a chunk of so many could come out much
/// too large: half a chunk, or a whole one where positions tell places inside it.
bool fine_enough(const Histogram& histogram, std::int64_t chunks);

/// Where a walk ended, at the last item: rows before its value, and of these in the chunk still
/// open.
struct HistogramEnd {
  double before = 0;
  double open = 0;
};

/// Marks about `target` rows apart, of `rows` in all, of which `head` lie before the first item.
HistogramEnd walk_histogram(const Histogram& histogram, double rows, double head, double target,
                            const MarkSink& sink);

}  // namespace pgstride::plan
