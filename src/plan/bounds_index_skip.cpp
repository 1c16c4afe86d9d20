#include "plan/bounds_index_skip.hpp"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "plan/chunk_sql.hpp"
#include "plan/key_sql.hpp"

namespace pgstride::plan {

namespace {

constexpr int k_batch = 5000;  // rows held by the client at once

std::string walk_sql(const Table& table, const Walk& walk) {
  Chunk range;
  range.kind = ChunkKind::range;
  range.lower = walk.lower;
  range.upper = walk.upper;
  const auto& key = *table.key;
  // Rows of equal keys share a rank: the number of rows before the first of them. A unique key
  // needs none.
  const bool ranked = !key.unique || key_nullable(key);
  return fmt::format(R"sql(
    SELECT {0}, n - 1, {1}
    FROM (SELECT {2}, pg_catalog.row_number() OVER w AS n{3}
          FROM {4}{5}
          WINDOW w AS (ORDER BY {6})) AS walked
    WHERE (n - 1 + {8}) % {7} = 0 AND n - 1 + {8} > 0
  )sql",
                     key_aliases(key), ranked ? "r - 1" : "n - 1", key_columns_as(key),
                     ranked ? ", pg_catalog.rank() OVER w AS r" : "", table_reference(table),
                     where_clause(chunk_condition(table, range)), key_order(key), walk.step,
                     walk.open);
}

}  // namespace

void for_each_batch(pg::Connection& connection, const std::string& sql,
                    const std::function<void(const pg::Result&)>& batch,
                    const std::string& cursor) {
  const bool own = !connection.in_transaction();
  if (own) {
    connection.exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  }
  try {
    connection.exec("DECLARE " + cursor + " NO SCROLL CURSOR FOR " + sql);
    for (;;) {
      const auto result = connection.exec(fmt::format("FETCH {} FROM {}", k_batch, cursor));
      if (result.rows() > 0) {
        batch(result);
      }
      if (result.rows() < k_batch) {
        break;
      }
    }
    connection.exec("CLOSE " + cursor);
  } catch (...) {
    if (own) {
      connection.abandon_transaction();
    }
    throw;
  }
  if (own) {
    connection.exec("COMMIT");
  }
}

std::string bound_text(const Table& table, const pg::Result& result, int row, int column) {
  if (result.is_null(row, column)) {
    throw Error(
        ErrorKind::server,
        fmt::format("table {}: its key column \"{}\" holds NULLs, and the catalog says NOT NULL",
                    table.leaf_display_name(),
                    table.key->columns[static_cast<std::size_t>(column)].name),
        "mend the data, or export it with --split ctid or --split none");
  }
  return result.text(row, column);
}

void walk_index(pg::Connection& connection, const Table& table, const Walk& walk,
                const MarkSink& sink) {
  const int columns = static_cast<int>(table.key->columns.size());
  for_each_batch(
      connection, walk_sql(table, walk),
      [&](const pg::Result& result) {
        for (int row = 0; row < result.rows(); ++row) {
          Mark mark;
          for (int column = 0; column < columns; ++column) {
            mark.value.push_back(bound_text(table, result, row, column));
          }
          mark.seen = walk.before + result.int64(row, columns);
          mark.before = walk.before + result.int64(row, columns + 1);
          sink(std::move(mark));
        }
      },
      "pgstride_walk");
}

}  // namespace pgstride::plan
