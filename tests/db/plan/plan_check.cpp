#include "plan_check.hpp"

#include <fmt/format.h>

#include "plan/chunk_sql.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::test {

namespace {

pg::Connection connect(const std::string& conninfo) {
  return pg::Connection({.conninfo = conninfo, .application_name = "pgstride/test", .cancel = {}});
}

std::string condition_or_true(const Planned& planned, const Chunk& chunk) {
  const auto text = plan::chunk_condition(planned.table, chunk);
  return text.empty() ? "true" : "(" + text + ")";
}

}  // namespace

PlanDatabase::PlanDatabase()
    : m_name(shared_cluster().create_database("plan")),
      m_connection(connect(shared_cluster().conninfo(m_name))) {}

std::string PlanDatabase::exec(const std::string& sql) const {
  return shared_cluster().exec(sql, m_name);
}

pg::Connection PlanDatabase::connect_as(const std::string& user) const {
  return connect(shared_cluster().conninfo(m_name, user));
}

// Server builds for tests of other versions come without contrib.
bool PlanDatabase::has_extension(const std::string& name) const {
  return exec("SELECT 1 FROM pg_available_extensions WHERE name = '" + name + "'") == "1";
}

std::vector<Planned> plan_all(pg::Connection& connection, const SelectOptions& select,
                              const ChunkOptions& chunk) {
  std::vector<Planned> planned;
  for (auto& table : plan::read_tables(connection, select, chunk)) {
    Planned one{.table = std::move(table), .chunks = {}};
    plan::cut_table(connection, one.table, chunk,
                    [&](Chunk made) { one.chunks.push_back(std::move(made)); });
    planned.push_back(std::move(one));
  }
  return planned;
}

Planned plan_one(pg::Connection& connection, const std::string& pattern,
                 const ChunkOptions& chunk) {
  SelectOptions select;
  select.tables = {pattern};
  auto planned = plan_all(connection, select, chunk);
  if (planned.size() != 1) {
    throw std::runtime_error(fmt::format("{} tables instead of one", planned.size()));
  }
  return std::move(planned.front());
}

Planned cut_from(pg::Connection& connection, const std::string& table, plan::BoundsSource source) {
  ChunkOptions options;
  options.keys = {{table, "k"}};
  options.chunk_rows = 100;
  SelectOptions select;
  select.tables = {table};
  Planned planned{.table = plan::read_tables(connection, select, options).at(0), .chunks = {}};
  const plan::ChunkSink sink = [&](Chunk chunk) { planned.chunks.push_back(std::move(chunk)); };
  const auto facts = plan::read_table_facts(connection, planned.table);
  plan::ChunkCounter counter(planned.table, sink, 1.0);
  plan::cut_by_rows({.connection = connection,
                     .table = planned.table,
                     .facts = facts,
                     .chunks = planned.table.estimated_rows / 100 + 1,
                     .target = 100},
                    source, counter);
  counter.finish();
  return planned;
}

std::string wrong_with(pg::Connection& connection, const Planned& planned) {
  if (planned.chunks.empty()) {
    return "no chunks";
  }
  if (planned.table.chunks != static_cast<std::int64_t>(planned.chunks.size())) {
    return "the table's number of chunks is another";
  }
  // Rows by the number of conditions that hold, summed over slices of chunks: a list of all chunks
  // may be longer than a statement's expression can be.
  constexpr std::size_t k_slice = 200;
  std::string per_row;
  for (std::size_t from = 0; from < planned.chunks.size(); from += k_slice) {
    std::string slice;
    for (std::size_t i = from; i < std::min(from + k_slice, planned.chunks.size()); ++i) {
      if (planned.chunks[i].number != static_cast<std::int64_t>(i)) {
        return fmt::format("chunk {} has the number {}", i, planned.chunks[i].number);
      }
      slice += fmt::format("{}(CASE WHEN {} THEN 1 ELSE 0 END)", i == from ? "" : " + ",
                           condition_or_true(planned, planned.chunks[i]));
    }
    per_row += (per_row.empty() ? "" : " + ") + ("(" + slice + ")");
  }
  const auto filter = plan::where_condition(planned.table);
  const auto result = connection.exec(fmt::format(
      "SELECT n, count(*) FROM (SELECT {} AS n FROM {}{}) q WHERE n <> 1 GROUP BY n ORDER BY n",
      per_row, plan::table_reference(planned.table), plan::where_clause(filter)));
  std::string wrong;
  for (int row = 0; row < result.rows(); ++row) {
    wrong += fmt::format("{} rows in {} chunks; ", result.get(row, 1), result.get(row, 0));
  }
  return wrong;
}

std::vector<std::int64_t> chunk_rows(pg::Connection& connection, const Planned& planned) {
  std::vector<std::int64_t> rows;
  for (const auto& chunk : planned.chunks) {
    rows.push_back(connection
                       .exec(fmt::format("SELECT count(*) FROM ({}) q",
                                         plan::chunk_select(planned.table, chunk)))
                       .int64(0, 0));
  }
  return rows;
}

std::string sequential_chunk(pg::Connection& connection, const Planned& planned) {
  for (const auto& chunk : planned.chunks) {
    const auto sql = plan::chunk_select(planned.table, chunk);
    const auto result = connection.exec("EXPLAIN " + sql);
    std::string text;
    for (int row = 0; row < result.rows(); ++row) {
      text += result.text(row, 0) + "\n";
    }
    if (text.find("Index") == std::string::npos && text.find("Bitmap") == std::string::npos &&
        text.find("Tid Range") == std::string::npos) {
      return sql + "\n" + text;
    }
  }
  return "";
}

}  // namespace pgstride::test
