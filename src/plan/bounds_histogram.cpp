#include "plan/bounds_histogram.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pg/quote.hpp"
#include "plan/chunk_sql.hpp"
#include "plan/key_sql.hpp"

namespace pgstride::plan {

namespace {

// The addresses of `probes` rows at even distances, each at another place of its page, so that a
// page with few rows left is met less often.
std::string probe_addresses(const TableFacts& facts, std::int64_t probes) {
  const auto pages = std::max<std::int64_t>(1, facts.pages);
  const auto rows_per_page = std::max<std::int64_t>(
      1,
      facts.relpages > 0 ? std::llround(facts.reltuples / static_cast<double>(facts.relpages)) : 1);
  return fmt::format(R"sql(
    SELECT pg_catalog.format('(%s,%s)', i * {0} / {1}, 1 + i * 7919 % {2})::pg_catalog.tid
    FROM pg_catalog.generate_series(0::pg_catalog.int8, {1} - 1) AS i
  )sql",
                     pages, std::clamp<std::int64_t>(probes, 1, pages), rows_per_page);
}

// The statistics are arrays of the column's type; as text[] and cast one by one they need no type
// of this program's.
std::string histogram_sql(const Table& table, const TableFacts& facts, std::int64_t probes) {
  const auto& column = table.key->columns.front();
  Key alias;
  alias.columns = {column};
  alias.columns.front().name = "k";
  return fmt::format(R"sql(
    WITH s AS (
      SELECT s.histogram_bounds::pg_catalog.text::pg_catalog.text[] AS bounds,
             s.most_common_vals::pg_catalog.text::pg_catalog.text[] AS vals,
             s.most_common_freqs AS freqs, s.null_frac
      FROM pg_catalog.pg_stats s
      WHERE s.schemaname = $1 AND s.tablename = $2 AND s.attname = $3 AND NOT s.inherited)
    SELECT k, kind, part, (SELECT null_frac FROM s)
    FROM (SELECT b.v::{0} AS k, 0 AS kind, 0::pg_catalog.float4 AS part
          FROM s, pg_catalog.unnest(s.bounds) AS b (v)
          UNION ALL
          SELECT c.v::{0}, 1, c.part
          FROM s, ROWS FROM (pg_catalog.unnest(s.vals), pg_catalog.unnest(s.freqs)) AS c (v, part)
          UNION ALL
          SELECT {1}::{0}, 2, 0
          FROM {2} WHERE ctid = ANY (ARRAY({3})) AND {1} IS NOT NULL) AS items
    ORDER BY {4}, kind
  )sql",
                     column.type, pg::quote_identifier(column.name), table_reference(table),
                     probe_addresses(facts, probes), key_order(alias));
}

// Probes outside the histogram, and those of a common value, whose part is known.
void drop_idle_probes(std::vector<HistogramItem>& items) {
  std::size_t bounds_left = static_cast<std::size_t>(
      std::count_if(items.begin(), items.end(),
                    [](const HistogramItem& item) { return item.kind == ItemKind::bound; }));
  bool begun = false;
  const std::string* common = nullptr;
  std::vector<HistogramItem> kept;
  kept.reserve(items.size());
  for (auto& item : items) {
    if (item.kind == ItemKind::probe) {
      if (begun && bounds_left > 0 && !(common != nullptr && *common == item.value)) {
        kept.push_back(item);
      }
      continue;
    }
    begun = begun || item.kind == ItemKind::bound;
    bounds_left -= item.kind == ItemKind::bound ? 1 : 0;
    common = item.kind == ItemKind::common ? &item.value : nullptr;
    kept.push_back(item);
  }
  items = std::move(kept);
}

// Shares the mass of a piece [first, last] of items, with common values only between its ends.
void spread_piece(std::vector<HistogramItem>& items, std::size_t first, std::size_t last,
                  double mass) {
  const auto width = [&](std::size_t a, std::size_t b) {
    return items[a].position && items[b].position
               ? static_cast<double>(static_cast<UInt128>(*items[b].position) -
                                     static_cast<UInt128>(*items[a].position))
               : 0.0;
  };
  const double whole = width(first, last);
  for (auto i = first; i < last; ++i) {
    items[i].after =
        mass * (whole > 0 ? width(i, i + 1) / whole : 1.0 / static_cast<double>(last - first));
  }
}

void spread_bucket(std::vector<HistogramItem>& items, std::size_t first, std::size_t last,
                   double mass) {
  std::size_t pieces = 1;
  for (auto i = first + 1; i < last; ++i) {
    pieces += items[i].kind == ItemKind::probe ? 1U : 0U;
  }
  const double each = mass / static_cast<double>(pieces);
  auto begin = first;
  for (auto i = first + 1; i <= last; ++i) {
    if (i == last || items[i].kind == ItemKind::probe) {
      spread_piece(items, begin, i, each);
      begin = i;
    }
  }
}

/// Walks the items and decides where marks are put.
class Walker {
 public:
  Walker(const Histogram& histogram, double rows, double head, double target, const MarkSink& sink)
      : m_histogram(histogram), m_rows(rows), m_target(target), m_sink(sink), m_before(head) {}

  HistogramEnd run() {
    const auto& items = m_histogram.items;
    for (std::size_t i = 0; i + 1 < items.size(); ++i) {
      item(items[i], items[i + 1]);
    }
    return {m_before, m_before - m_last};
  }

 private:
  void item(const HistogramItem& item, const HistogramItem& next) {
    const double at = item.at * m_rows;
    const double after = item.after * m_rows;
    const bool inside = item.position && next.position;
    // What the open chunk would grow by before the next place to cut.
    const double step = at + (inside ? 0 : after);
    const double open = m_before - m_last;
    if (open > 0 && (open >= m_target || (step > 0 && open + step / 2 >= m_target))) {
      mark(item.value, m_before);
    }
    m_before += at;
    if (inside) {
      cut_inside(*item.position, *next.position, after);
    }
    m_before += after;
  }

  // Bounds between two known values: only within a bucket, never over the whole.
  void cut_inside(Int128 low, Int128 high, double mass) {
    auto at = low;
    while (mass > 0 && m_last + m_target < m_before + mass) {
      const double ahead = std::max(0.0, m_last + m_target - m_before);
      at = std::max(between(low, high, ahead / mass), at + 1);
      if (at >= high) {
        return;
      }
      mark(value_at(m_histogram.type, at), m_before + ahead);
    }
  }

  void mark(const std::string& value, double before) {
    if (value == m_marked) {
      return;  // two probes met the same key
    }
    m_marked = value;
    const auto rows = static_cast<std::int64_t>(std::llround(before));
    m_sink({.value = {value}, .before = rows, .seen = rows});
    m_last = before;
  }

  const Histogram& m_histogram;
  double m_rows;
  double m_target;
  const MarkSink& m_sink;
  double m_before;
  double m_last = 0;
  std::optional<std::string> m_marked;
};

}  // namespace

std::optional<Histogram> read_histogram(pg::Connection& connection, const Table& table,
                                        const TableFacts& facts, std::int64_t probes) {
  const auto& column = table.key->columns.front();
  const auto result = connection.query(histogram_sql(table, facts, probes),
                                       {table.leaf_schema, table.leaf_name, column.name});
  Histogram histogram;
  histogram.type = column.type;
  for (int row = 0; row < result.rows(); ++row) {
    HistogramItem item;
    item.value = result.text(row, 0);
    item.position = position_of(column.type, item.value);
    item.kind = static_cast<ItemKind>(result.int64(row, 1));
    item.at = result.number(row, 2);
    if (!result.is_null(row, 3)) {
      histogram.null_frac = result.number(row, 3);
    }
    histogram.items.push_back(std::move(item));
  }
  spread_buckets(histogram);
  return histogram.items.empty() ? std::nullopt : std::optional(std::move(histogram));
}

void spread_buckets(Histogram& histogram) {
  auto& items = histogram.items;
  drop_idle_probes(items);
  double common = 0;
  std::vector<std::size_t> bounds;
  for (std::size_t i = 0; i < items.size(); ++i) {
    common += items[i].at;
    if (items[i].kind == ItemKind::bound) {
      bounds.push_back(i);
    }
  }
  if (bounds.size() < 2) {
    return;
  }
  const auto buckets = bounds.size() - 1;
  const double bucket =
      std::max(0.0, 1.0 - histogram.null_frac - common) / static_cast<double>(buckets);
  for (std::size_t b = 0; b < buckets; ++b) {
    spread_bucket(items, bounds[b], bounds[b + 1], bucket);
  }
}

bool fine_enough(const Histogram& histogram, std::int64_t chunks) {
  const double widest = (has_positions(histogram.type) ? 1.0 : 0.5) / static_cast<double>(chunks);
  return std::all_of(histogram.items.begin(), histogram.items.end(),
                     [&](const HistogramItem& item) { return item.after <= widest; });
}

HistogramEnd walk_histogram(const Histogram& histogram, double rows, double head, double target,
                            const MarkSink& sink) {
  return Walker(histogram, rows, head, target, sink).run();
}

}  // namespace pgstride::plan
