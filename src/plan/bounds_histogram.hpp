// Bounds from the server's statistics of the key's column: its histogram merged with its most
// common values. No scan. Reading uses the given connection on the calling thread; the rest is
// pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "plan/bounds_index_skip.hpp"
#include "plan/key_position.hpp"

namespace pgstride::plan {

/// A known value of the key: a bound of the histogram or a common value, with the part of all rows
/// that have it and the part that lie between it and the next item.
struct HistogramItem {
  std::string value;
  std::optional<Int128> position;
  bool common = false;  ///< a most common value; else a bound of the histogram
  double at = 0;
  double after = 0;
};

struct Histogram {
  std::string type;                  ///< of the key's column
  std::vector<HistogramItem> items;  ///< ascending in the server's order of the key
  std::size_t buckets = 0;
  double null_frac = 0;
};

/// None if there are no statistics that this user may see, or nothing in them to cut by. The items
/// are put in order by the server, by the key's own operators and collation.
std::optional<Histogram> read_histogram(pg::Connection& connection, const Table& table);

/// Gives each item its `after`: a bucket's part is shared among the pieces that common values cut
/// it into, by distance where positions are known.
void spread_buckets(Histogram& histogram);

/// True if bounds for so many chunks can be found with no chunk over about twice the target: with
/// positions as many buckets as chunks, without three times as many.
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
