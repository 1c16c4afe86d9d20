#include "plan/bounds_sample.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "plan/chunk_sql.hpp"
#include "plan/key_sql.hpp"

namespace pgstride::plan {

namespace {

// Rows of a page have neighbouring keys, so pages count, not rows: 300 in a chunk put the largest
// of 64 about 1.2 over the average (1 ÷ √300 = 6 %). 1 % of the pages of a small table are too few:
// correctness.md, 8 measured 3.25. Beyond a million pages (8 GB to read) a hundred must do.
constexpr std::int64_t k_pages_per_chunk = 300;
constexpr std::int64_t k_fewer_pages_per_chunk = 100;
constexpr std::int64_t k_many_pages = 1'000'000;
constexpr double k_most_pages = 0.10;  // of the table; more is no saving over walking the index
constexpr std::int64_t k_rows_per_chunk = 2000;
constexpr double k_most_rows = 0.20;

}  // namespace

std::optional<SampleMethod> sample_method(const TableFacts& facts, std::int64_t rows,
                                          std::int64_t chunks) {
  auto pages = chunks * k_pages_per_chunk;
  if (pages > k_many_pages) {
    pages = std::max(k_many_pages, chunks * k_fewer_pages_per_chunk);
  }
  const double page_part =
      static_cast<double>(pages) / static_cast<double>(std::max<std::int64_t>(1, facts.pages));
  if (page_part <= k_most_pages) {
    return SampleMethod{.pages = true, .percent = 100 * page_part};
  }
  const double row_part = static_cast<double>(chunks * k_rows_per_chunk) /
                          static_cast<double>(std::max<std::int64_t>(1, rows));
  if (row_part <= k_most_rows) {
    return SampleMethod{.pages = false, .percent = 100 * row_part};
  }
  return std::nullopt;
}

void walk_sample(pg::Connection& connection, const Table& table, const SampleMethod& method,
                 std::int64_t rows, std::int64_t chunks, const MarkSink& sink) {
  const auto& key = *table.key;
  const int columns = static_cast<int>(key.columns.size());
  const auto sql = fmt::format(
      R"sql(
        SELECT {0}, n - 1, r - 1, total
        FROM (SELECT {1}, pg_catalog.row_number() OVER w AS n, pg_catalog.rank() OVER w AS r,
                     pg_catalog.count(*) OVER () AS total
              FROM {2} TABLESAMPLE {3} ({4:.6f}) REPEATABLE (1){5}
              WINDOW w AS (ORDER BY {6})) AS sampled
        WHERE n > 1 AND (n - 1) * {7} / total <> (n - 2) * {7} / total
      )sql",
      key_aliases(key), key_columns_as(key), table_reference(table),
      method.pages ? "SYSTEM" : "BERNOULLI", method.percent,
      where_clause(and_also(key_not_null(key), where_condition(table))), key_order(key), chunks);
  for_each_batch(connection, sql, [&](const pg::Result& result) {
    for (int row = 0; row < result.rows(); ++row) {
      Mark mark;
      for (int column = 0; column < columns; ++column) {
        mark.value.push_back(bound_text(table, result, row, column));
      }
      const double scale = static_cast<double>(rows) / result.number(row, columns + 2);
      mark.seen = std::llround(result.number(row, columns) * scale);
      mark.before = std::llround(result.number(row, columns + 1) * scale);
      sink(std::move(mark));
    }
  });
}

}  // namespace pgstride::plan
