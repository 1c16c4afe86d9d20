#include "plan/bounds_histogram.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "plan/key_sql.hpp"

namespace pgstride::plan {

namespace {

constexpr std::int64_t k_buckets_without_positions = 3;

// The statistics are arrays of the column's type; as text[] and cast one by one they need no type
// of this program's.
std::string histogram_sql(const Table& table) {
  const auto& column = table.key->columns.front();
  Key alias;
  alias.columns = {column};
  alias.columns.front().name = "k";
  return fmt::format(R"sql(
    SELECT k, common, part, null_frac
    FROM (SELECT item.v::{0} AS k, item.common, item.part, s.null_frac
          FROM pg_catalog.pg_stats s
          CROSS JOIN LATERAL (
            SELECT v, false AS common, 0 AS part
            FROM pg_catalog.unnest(s.histogram_bounds::pg_catalog.text::pg_catalog.text[]) AS b (v)
            UNION ALL
            SELECT v, true, part
            FROM ROWS FROM (
              pg_catalog.unnest(s.most_common_vals::pg_catalog.text::pg_catalog.text[]),
              pg_catalog.unnest(s.most_common_freqs)) AS c (v, part)) AS item
          WHERE s.schemaname = $1 AND s.tablename = $2 AND s.attname = $3 AND NOT s.inherited)
      AS items
    ORDER BY {1}, common
  )sql",
                     column.type, key_order(alias));
}

// The part of a piece [i, i + 1) of a bucket [first, last] of items.
double share(const std::vector<HistogramItem>& items, std::size_t first, std::size_t last,
             std::size_t i) {
  const auto& low = items[first].position;
  const auto& high = items[last].position;
  const auto pieces = static_cast<double>(last - first);
  if (!low || !high || !items[i].position || !items[i + 1].position || *high <= *low) {
    return 1.0 / pieces;
  }
  const auto width = [](Int128 a, Int128 b) {
    return static_cast<double>(static_cast<UInt128>(b) - static_cast<UInt128>(a));
  };
  return width(*items[i].position, *items[i + 1].position) / width(*low, *high);
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
};

}  // namespace

std::optional<Histogram> read_histogram(pg::Connection& connection, const Table& table) {
  const auto& column = table.key->columns.front();
  const auto result =
      connection.query(histogram_sql(table), {table.leaf_schema, table.leaf_name, column.name});
  Histogram histogram;
  histogram.type = column.type;
  for (int row = 0; row < result.rows(); ++row) {
    HistogramItem item;
    item.value = result.text(row, 0);
    item.position = position_of(column.type, item.value);
    item.common = result.boolean(row, 1);
    item.at = result.number(row, 2);
    histogram.null_frac = result.number(row, 3);
    histogram.items.push_back(std::move(item));
  }
  spread_buckets(histogram);
  return histogram.items.empty() ? std::nullopt : std::optional(std::move(histogram));
}

void spread_buckets(Histogram& histogram) {
  auto& items = histogram.items;
  double common = 0;
  std::vector<std::size_t> bounds;
  for (std::size_t i = 0; i < items.size(); ++i) {
    common += items[i].at;
    if (!items[i].common) {
      bounds.push_back(i);
    }
  }
  histogram.buckets = bounds.size() < 2 ? 0 : bounds.size() - 1;
  if (histogram.buckets == 0) {
    return;
  }
  const double bucket =
      std::max(0.0, 1.0 - histogram.null_frac - common) / static_cast<double>(histogram.buckets);
  for (std::size_t b = 0; b < histogram.buckets; ++b) {
    for (auto i = bounds[b]; i < bounds[b + 1]; ++i) {
      items[i].after = bucket * share(items, bounds[b], bounds[b + 1], i);
    }
  }
}

bool fine_enough(const Histogram& histogram, std::int64_t chunks) {
  const auto items = static_cast<std::int64_t>(
      histogram.buckets + static_cast<std::size_t>(std::count_if(
                              histogram.items.begin(), histogram.items.end(),
                              [](const HistogramItem& item) { return item.common; })));
  return items >= (has_positions(histogram.type) ? chunks : k_buckets_without_positions * chunks);
}

HistogramEnd walk_histogram(const Histogram& histogram, double rows, double head, double target,
                            const MarkSink& sink) {
  return Walker(histogram, rows, head, target, sink).run();
}

}  // namespace pgstride::plan
