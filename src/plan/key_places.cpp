#include "plan/key_places.hpp"

#include <string>

#include <fmt/format.h>

#include "pg/quote.hpp"
#include "pg/text_array.hpp"
#include "plan/key_sql.hpp"

namespace pgstride::plan {

namespace {

std::string column_of(const std::vector<KeyValue>& values, std::size_t column) {
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const auto& value : values) {
    texts.push_back(value[column]);
  }
  return pg::array_text(texts);
}

// `unnest($1::int8[], $2::text[])`; of several arrays it may not be qualified.
std::string unnest(const Key& key, std::size_t first) {
  std::string text;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    text += fmt::format("{}${}::{}[]", i == 0 ? "" : ", ", first + i, key.columns[i].type);
  }
  return "unnest(" + text + ")";
}

std::string column_names(const Key& key) {
  std::string text;
  for (const auto& column : key.columns) {
    text += (text.empty() ? "" : ", ") + pg::quote_identifier(column.name);
  }
  return text;
}

}  // namespace

std::vector<std::size_t> places_of_keys(pg::Connection& connection, const Key& key,
                                        const std::vector<KeyValue>& bounds,
                                        const std::vector<KeyValue>& keys) {
  const auto columns = key.columns.size();
  std::vector<pg::Param> parameters;
  for (const auto* values : {&bounds, &keys}) {
    for (std::size_t i = 0; i < columns; ++i) {
      parameters.emplace_back(column_of(*values, i));
    }
  }
  const auto names = column_names(key);
  // A bound sorts before a key that equals it. A bound with fewer before it than its number says is
  // out of order.
  const auto result =
      connection.query(fmt::format(R"sql(
    SELECT DISTINCT CASE WHEN placed."its number" IS NULL THEN placed.place END
      FROM (SELECT both_."its number",
                   pg_catalog.count(both_."its number")
                     OVER (ORDER BY {2}, both_."its number" IS NULL) AS place
              FROM (SELECT "its number", {3}
                      FROM {0} WITH ORDINALITY AS bounds ({3}, "its number")
                     UNION ALL
                    SELECT NULL, {3} FROM {1} AS changed ({3})) AS both_) AS placed
     WHERE placed."its number" IS NULL OR placed."its number" > placed.place
  )sql",
                                   unnest(key, 1), unnest(key, columns + 1), key_order(key), names),
                       parameters);
  std::vector<std::size_t> places;
  places.reserve(static_cast<std::size_t>(result.rows()));
  for (int row = 0; row < result.rows(); ++row) {
    if (result.is_null(row, 0)) {
      throw Error(ErrorKind::internal, "the bounds of a table's chunks are not in ascending order");
    }
    places.push_back(static_cast<std::size_t>(result.int64(row, 0)));
  }
  return places;
}

}  // namespace pgstride::plan
