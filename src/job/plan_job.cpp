// `pgstride plan`: the chunks that a job would make, without making it.

#include <optional>

#include "job/chunk_size.hpp"
#include "job/client_format.hpp"
#include "job/job.hpp"
#include "pg/connection.hpp"
#include "pgstride/job.hpp"
#include "plan/plan.hpp"

namespace pgstride {

std::vector<PlannedTable> plan_tables(const PlanOptions& options, Events& events) {
  pg::Connection connection({options.source, "pgstride/plan", {}, std::chrono::milliseconds(0)});
  std::vector<PlannedTable> out;
  auto tables = plan::read_tables(connection, options.select, options.chunk);
  if (tables.empty()) {
    throw Error(ErrorKind::usage, "no tables to read",
                "name them with --table, or check the exclusions");
  }
  std::vector<const Table*> all;
  for (const auto& table : tables) {
    all.push_back(&table);
  }
  const auto types = job::read_type_formats(connection, all);
  const auto size = job::share_out(options.chunk, tables, job::worker_count({}));
  for (auto& table : tables) {
    PlannedTable planned;
    planned.formatter = job::client_format(table, types) ? Formatter::client : Formatter::server;
    std::int64_t count = 0;
    std::optional<Chunk> first;
    // A million chunks are counted, not kept, unless they are asked for.
    plan::cut_table(connection, table, size, [&](Chunk chunk) {
      chunk.number = count++;
      if (!first) {
        first = chunk;
      }
      if (options.sql) {
        planned.chunks.push_back(std::move(chunk));
      }
    });
    planned.table = std::move(table);
    planned.table.chunks = count;
    for (const auto& chunk : planned.chunks) {
      planned.sql.push_back(plan::chunk_select(planned.table, chunk));
    }
    if (options.explain && first) {
      const auto lines = connection.exec("EXPLAIN " + plan::chunk_select(planned.table, *first));
      for (int row = 0; row < lines.rows(); ++row) {
        planned.explain += lines.text(row, 0) + "\n";
      }
    }
    events.planned(planned.table);
    out.push_back(std::move(planned));
  }
  return out;
}

}  // namespace pgstride
