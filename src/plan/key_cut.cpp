#include "plan/key_cut.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pg/quote.hpp"
#include "plan/bounds_file.hpp"
#include "plan/bounds_histogram.hpp"
#include "plan/bounds_index_skip.hpp"
#include "plan/bounds_sample.hpp"
#include "plan/chunk_sql.hpp"
#include "plan/estimate.hpp"
#include "plan/interval.hpp"
#include "plan/key_sql.hpp"

namespace pgstride::plan {

namespace {

// Walking a key takes 0.3 to 0.9 µs a row (tools/bench plan), as long as exporting it: it is exact,
// so it is what small tables get, and all whose statistics are of no use.
constexpr double k_small_rows = 200e3;
// From here on, about a second, better statistics are worth a warning.
constexpr double k_slow_rows = 1.5e6;
// Above this, ten seconds of walking, a sample is cheaper.
constexpr double k_large_rows = 20e6;
// A row that is fetched from the heap costs about that many of an index-only scan; little if the
// heap is in the key's order, so that its page was read for the row before.
constexpr double k_heap_fetch = 5;
constexpr double k_ordered_heap_fetch = 1.5;
constexpr double k_ordered = 0.9;
constexpr std::int64_t k_null_pages = 2000;
// Single rows that are looked at to know how keys lie inside a bucket of the histogram: fifty
// for a chunk put its bounds about a fifteenth of it right, and the largest of 64 below 1.2 of the
// average (tools/bench plan). 20,000 pages are read in a second or so from disk.
constexpr std::int64_t k_probes_per_chunk = 50;
constexpr std::int64_t k_most_probes = 20'000;

std::int64_t probes_for(const KeyCut& cut) {
  return std::min(k_most_probes, cut.chunks * k_probes_per_chunk);
}

// How many rows a walk seems to have: those that need their heap page count more, also those that a
// filter throws away.
double walking_cost(const KeyCut& cut) {
  const auto rows = static_cast<double>(cut.table.estimated_rows);
  if (cut.table.where) {
    return std::max(rows, cut.facts.reltuples) * k_heap_fetch;
  }
  if (cut.table.key->index.empty()) {
    return rows * k_heap_fetch;
  }
  const double fetch =
      std::abs(cut.facts.correlation) >= k_ordered ? k_ordered_heap_fetch : k_heap_fetch;
  const double visible = cut.facts.pages == 0
                             ? 1.0
                             : std::min(1.0, static_cast<double>(cut.facts.all_visible) /
                                                 static_cast<double>(cut.facts.pages));
  return rows * (visible + (1 - visible) * fetch);
}

// Exact for a table of few pages, else from some of them.
std::int64_t null_rows(const KeyCut& cut) {
  const auto& key = *cut.table.key;
  if (!key_nullable(key)) {
    return 0;
  }
  if (key.columns.size() == 1 && !cut.table.where && statistics_fresh(cut.facts)) {
    return std::llround(cut.facts.null_frac * static_cast<double>(cut.table.estimated_rows));
  }
  if (!cut.facts.heap) {
    return 0;
  }
  return static_cast<std::int64_t>(
      sampled_rows(cut.connection, cut.table, cut.facts.pages, k_null_pages,
                   and_also(key_has_null(key), where_condition(cut.table))));
}

// Rows of the open range at the end: of one chunk at most, which were all read a moment ago.
std::int64_t rows_of_last(const KeyCut& cut, const RangeCutter& cutter) {
  Chunk last;
  last.kind = ChunkKind::range;
  last.lower = cutter.last_bound();
  return cut.connection
      .exec("SELECT pg_catalog.count(*) FROM " + table_reference(cut.table) +
            where_clause(chunk_condition(cut.table, last)))
      .int64(0, 0);
}

void from_walk(const KeyCut& cut, RangeCutter& cutter) {
  walk_index(cut.connection, cut.table,
             {.lower = {}, .upper = {}, .step = cut.target, .before = 0, .open = 0},
             [&](const Mark& mark) { cutter.add(mark); });
  cutter.finish(cutter.before_last_bound() + rows_of_last(cut, cutter), null_rows(cut));
}

// Rows outside the histogram came after it was made (or were not in ANALYZE's sample): they are
// walked, on both sides. The last chunk of the histogram takes a quarter of a chunk of them in.
void from_histogram(const KeyCut& cut, const Histogram& histogram, RangeCutter& cutter) {
  const auto add = [&](const Mark& mark) { cutter.add(mark); };
  walk_index(cut.connection, cut.table,
             {.lower = {},
              .upper = KeyValue{histogram.items.front().value},
              .step = cut.target,
              .before = 0,
              .open = 0},
             add);
  const auto end =
      walk_histogram(histogram, static_cast<double>(cut.table.estimated_rows),
                     static_cast<double>(cutter.seen()), static_cast<double>(cut.target), add);
  const std::int64_t before = std::llround(end.before);
  const std::int64_t open = std::min<std::int64_t>(std::llround(end.open), cut.target * 3 / 4);
  walk_index(cut.connection, cut.table,
             {.lower = KeyValue{histogram.items.back().value},
              .upper = {},
              .step = cut.target,
              .before = before,
              .open = open},
             add);
  cutter.finish(std::max(cutter.seen(), before), null_rows(cut));
}

void from_sample(const KeyCut& cut, RangeCutter& cutter) {
  const auto method = sample_method(cut.facts, cut.table.estimated_rows, cut.chunks);
  walk_sample(cut.connection, cut.table, method.value_or(SampleMethod{}), cut.table.estimated_rows,
              cut.chunks, [&](const Mark& mark) { cutter.add(mark); });
  cutter.finish(cut.table.estimated_rows, null_rows(cut));
}

std::optional<Histogram> usable_histogram(const KeyCut& cut) {
  auto histogram = read_histogram(cut.connection, cut.table, cut.facts, probes_for(cut));
  return histogram && fine_enough(*histogram, cut.chunks) ? std::move(histogram) : std::nullopt;
}

// A key of several columns is cut along the first alone where that has no common value: no range
// gets too large, and what a resume may keep stays the same. Else the table is left as it is.
std::optional<Histogram> histogram_of_first(const KeyCut& cut) {
  auto whole = *cut.table.key;
  auto& key = *cut.table.key;
  key.columns.resize(1);
  key.unique = false;
  auto histogram = usable_histogram(cut);
  const double most = 0.5 / static_cast<double>(cut.chunks);
  if (histogram && std::all_of(histogram->items.begin(), histogram->items.end(),
                               [&](const HistogramItem& item) { return item.at <= most; })) {
    auto& reason = cut.table.key_reason;
    reason.insert(std::min(reason.find(';'), reason.size()), ", by its first column");
    return histogram;
  }
  key = std::move(whole);
  return std::nullopt;
}

BoundsSource without_statistics(const KeyCut& cut) {
  const bool sample = walking_cost(cut) > k_large_rows && cut.facts.heap &&
                      sample_method(cut.facts, cut.table.estimated_rows, cut.chunks).has_value();
  return sample ? BoundsSource::sample : BoundsSource::walk;
}

}  // namespace

BoundsSource choose_source(const KeyCut& cut) {
  const double cost = walking_cost(cut);
  if (!cut.facts.heap || cost <= k_small_rows) {
    return BoundsSource::walk;
  }
  const bool fresh = statistics_fresh(cut.facts);
  if (fresh && !cut.table.where) {
    return BoundsSource::histogram;
  }
  if (!fresh && cost > k_slow_rows) {
    cut.table.warnings.push_back(
        fmt::format("statistics are {}, so planning takes longer: run ANALYZE {}",
                    cut.facts.analyzed ? "stale" : "missing",
                    pg::quote_qualified(cut.table.leaf_schema, cut.table.leaf_name)));
  }
  return without_statistics(cut);
}

void cut_by_rows(const KeyCut& cut, BoundsSource source, ChunkCounter& counter) {
  auto facts = cut.facts;
  RangeCutter cutter(cut.connection, cut.table, facts, cut.target, counter);
  if (source == BoundsSource::histogram) {
    const bool several = cut.table.key->columns.size() > 1;
    if (const auto histogram = several ? histogram_of_first(cut) : usable_histogram(cut)) {
      // Pages don't survive a change of snapshot, which ranges of a primary key must.
      facts.heap = facts.heap && !several;
      from_histogram(cut, *histogram, cutter);
      return;
    }
    source = without_statistics(cut);
  }
  if (source == BoundsSource::sample) {
    from_sample(cut, cutter);
  } else {
    from_walk(cut, cutter);
  }
}

void cut_by_interval(const KeyCut& cut, const std::string& text, ChunkCounter& counter) {
  const auto interval = read_interval(cut.connection, cut.table, text);
  RangeCutter cutter(cut.connection, cut.table, cut.facts, cut.target, counter);
  std::optional<Period> open;
  std::int64_t before = 0;
  const auto finish_period = [&](const std::optional<KeyValue>& end) {
    if (open && open->rows > cut.target + cut.target / 4) {
      walk_index(cut.connection, cut.table,
                 {.lower = KeyValue{open->start},
                  .upper = end,
                  .step = (open->rows - 1) / ((open->rows - 1) / cut.target + 1) + 1,
                  .before = before,
                  .open = 0},
                 [&](const Mark& mark) { cutter.add(mark); });
    }
    before += open ? open->rows : 0;
  };
  for_each_period(cut.connection, cut.table, interval, [&](const Period& period) {
    const KeyValue start{period.start};
    finish_period(start);
    cutter.add({.value = start, .before = before, .seen = before});
    open = period;
  });
  finish_period(std::nullopt);
  cutter.finish(before, null_rows(cut));
}

void cut_by_file(const KeyCut& cut, const std::string& file, ChunkCounter& counter) {
  // How rows lie between the user's bounds is not asked: even parts are shown.
  const auto each = std::max<std::int64_t>(1, cut.table.estimated_rows / (count_bounds(file) + 1));
  auto facts = cut.facts;
  facts.heap = false;  // so nothing is cut further: the bounds are as the user wants them
  RangeCutter cutter(cut.connection, cut.table, facts, each, counter);
  std::int64_t before = 0;
  for_each_bound(cut.connection, cut.table, file, [&](KeyValue value) {
    before += each;
    cutter.add({.value = std::move(value), .before = before, .seen = before});
  });
  cutter.finish(before + each, null_rows(cut));
}

}  // namespace pgstride::plan
