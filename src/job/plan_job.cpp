// `pgstride plan`: the chunks that a job would make, without making it.

#include "pg/connection.hpp"
#include "pgstride/job.hpp"
#include "plan/plan.hpp"

namespace pgstride {

std::vector<PlannedTable> plan_tables(const PlanOptions& options, Events& events) {
  pg::Connection connection({options.source, "pgstride/plan", {}, std::chrono::milliseconds(0)});
  std::vector<PlannedTable> out;
  for (auto& table : plan::read_tables(connection, options.select, options.chunk)) {
    PlannedTable planned;
    plan::cut_table(connection, table, options.chunk, [&](Chunk chunk) {
      chunk.number = static_cast<std::int64_t>(planned.chunks.size());
      planned.chunks.push_back(std::move(chunk));
    });
    planned.table = std::move(table);
    planned.table.chunks = static_cast<std::int64_t>(planned.chunks.size());
    for (const auto& chunk : planned.chunks) {
      planned.sql.push_back(plan::chunk_select(planned.table, chunk));
    }
    if (options.explain && !planned.sql.empty()) {
      const auto lines = connection.exec("EXPLAIN " + planned.sql.front());
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
