// A plan as people read it. Pure.
#pragma once

#include <string>
#include <vector>

#include "pgstride/job.hpp"

namespace pgstride::cli {

/// A line a table, then warnings and the totals.
std::string plan_text(const std::vector<PlannedTable>& tables,
                      const std::vector<std::string>& warnings);
/// The statement of each chunk, as SQL that can be run.
std::string plan_sql(const std::vector<PlannedTable>& tables);
std::string plan_explain(const std::vector<PlannedTable>& tables);

}  // namespace pgstride::cli
