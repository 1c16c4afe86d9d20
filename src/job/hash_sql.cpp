#include "job/hash_sql.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "pg/quote.hpp"
#include "plan/plan.hpp"

namespace pgstride::job {

namespace {

// The send functions of the columns' types, schema-qualified, by type oid.
std::map<std::uint32_t, std::string> send_functions(pg::Connection& connection,
                                                    const Table& table) {
  std::string oids = "{";
  for (const auto& column : table.columns) {
    oids += (oids.size() > 1 ? "," : "") + std::to_string(column.type_oid);
  }
  const auto result = connection.query(
      R"sql(
    SELECT t.oid, n.nspname, p.proname
      FROM pg_catalog.pg_type t
      JOIN pg_catalog.pg_proc p ON p.oid = t.typsend
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
     WHERE t.oid = ANY ($1::pg_catalog.oid[])
  )sql",
      {oids + "}"});
  std::map<std::uint32_t, std::string> functions;
  for (int row = 0; row < result.rows(); ++row) {
    functions[static_cast<std::uint32_t>(result.int64(row, 0))] =
        pg::quote_qualified(result.get(row, 1), result.get(row, 2));
  }
  return functions;
}

// The value as COPY writes it: format('%s') goes through the type's output function, a cast to text
// would not for boolean and char(n). IS DISTINCT FROM NULL is about the value, also for row types.
std::string value_text(const std::string& name, const std::string& send) {
  const auto text = send.empty() ? fmt::format("pg_catalog.format('%s', {})", name)
                                 : fmt::format("pg_catalog.encode({}({}), 'hex')", send, name);
  return fmt::format("CASE WHEN {} IS DISTINCT FROM NULL THEN {} END", name, text);
}

/// A chunk's rows as texts v0, v1, … of its columns.
struct RowTexts {
  std::string from;  ///< a subquery
  std::string hash;  ///< of a row of it
};

RowTexts row_texts(const Table& table, const Chunk& chunk,
                   const std::map<std::uint32_t, std::string>& sends) {
  std::string values;
  std::string parts;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto& column = table.columns[i];
    const auto name = "c." + pg::quote_identifier(column.name);
    const auto send = sends.empty() ? "" : sends.at(column.type_oid);
    const auto comma = i == 0 ? "" : ", ";
    values += fmt::format("{}{} AS v{}", comma, value_text(name, send), i);
    parts += fmt::format(
        "{}CASE WHEN v{} IS NULL THEN 'N' ELSE pg_catalog.octet_length(v{}) || ':' || v{} END",
        comma, i, i, i);
  }
  const auto row = parts.empty() ? std::string("''")
                                 : fmt::format("pg_catalog.array_to_string(ARRAY[{}], '')", parts);
  // OFFSET 0 keeps the planner from computing each value twice.
  return {fmt::format("(SELECT {} FROM ({}) AS c OFFSET 0) AS r", values,
                      plan::chunk_select(table, chunk)),
          fmt::format("pg_catalog.hashtextextended({} COLLATE pg_catalog.\"C\", 0)", row)};
}

}  // namespace

std::string hash_query(pg::Connection& connection, const Table& table, const Chunk& chunk,
                       bool binary) {
  const auto rows = row_texts(table, chunk,
                              binary ? send_functions(connection, table)
                                     : std::map<std::uint32_t, std::string>{});
  return fmt::format("SELECT pg_catalog.count(*), COALESCE(pg_catalog.sum({}), 0) FROM {}",
                     rows.hash, rows.from);
}

std::string row_hashes_query(const Table& table, const Chunk& chunk,
                             const std::vector<std::string>& key) {
  const auto rows = row_texts(table, chunk, {});
  std::string texts;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto& name = table.columns[i].name;
    if (key.empty() || std::find(key.begin(), key.end(), name) != key.end()) {
      texts += fmt::format(", v{}", i);
    }
  }
  return fmt::format("SELECT {} AS hash, pg_catalog.left(pg_catalog.concat_ws(', '{}), {}) AS key "
                     "FROM {}",
                     rows.hash, texts.empty() ? ", ''" : texts, key.empty() ? "200" : "1000",
                     rows.from);
}

}  // namespace pgstride::job
