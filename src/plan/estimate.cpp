#include "plan/estimate.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "plan/chunk_sql.hpp"

namespace pgstride::plan {

namespace {

// A page's header and, per row, a header and item pointer (storage/bufpage.h, htup_details.h).
constexpr double k_page_header = 24;
constexpr double k_row_overhead = 28;
constexpr double k_guessed_column = 8;

// The number after `label` in `Seq Scan on t  (cost=0.00..35.50 rows=2550 width=4)`.
double number_after(std::string_view line, std::string_view label) {
  const auto at = line.find(label);
  double value = 0;
  if (at != std::string_view::npos) {
    std::from_chars(line.data() + at + label.size(), line.data() + line.size(), value);
  }
  return value;
}

}  // namespace

double rows_by_density(double reltuples, std::int64_t relpages, std::int64_t heap_bytes,
                       std::int64_t block_size, std::size_t columns) {
  const double pages = static_cast<double>(heap_bytes) / static_cast<double>(block_size);
  if (reltuples >= 0 && relpages > 0) {
    return std::round(reltuples / static_cast<double>(relpages) * pages);
  }
  const double row = k_row_overhead + k_guessed_column * static_cast<double>(columns);
  return std::round(pages * (static_cast<double>(block_size) - k_page_header) / row);
}

Explained explain_rows(pg::Connection& connection, const Table& table) {
  const auto sql =
      "EXPLAIN SELECT * FROM " + table_reference(table) + where_clause(where_condition(table));
  try {
    const auto result = connection.query(sql, {});
    const auto line = result.get(0, 0);
    return {number_after(line, "rows="), static_cast<std::int64_t>(number_after(line, "width="))};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::server || !table.where) {
      throw;
    }
    throw Error(ErrorKind::usage,
                fmt::format("the filter of table {} is refused by the server: {}",
                            table.leaf_display_name(), error.what()),
                "--where takes an SQL condition over the table's columns; functions and types "
                "outside pg_catalog need their schema");
  }
}

double sampled_rows(pg::Connection& connection, const Table& table, std::int64_t heap_pages,
                    std::int64_t pages, const std::string& condition) {
  const double percent =
      std::min(100.0, 100.0 * static_cast<double>(pages) /
                          static_cast<double>(std::max<std::int64_t>(1, heap_pages)));
  const auto sql =
      fmt::format("SELECT pg_catalog.count(*) FROM {} TABLESAMPLE SYSTEM ({:.6f}) REPEATABLE (1){}",
                  table_reference(table), percent, where_clause(condition));
  return std::round(connection.exec(sql).number(0, 0) * 100.0 / percent);
}

}  // namespace pgstride::plan
