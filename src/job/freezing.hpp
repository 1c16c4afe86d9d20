// Which tables of a job are loaded by COPY … FREEZE: those that it emptied or made, and that are
// one chunk. Functions; the job's thread.
#pragma once

#include <cstdint>
#include <set>

#include "job/job.hpp"
#include "target/target_table.hpp"

namespace pgstride::job {

/// Whether the job may truncate such a table once more, if it is empty.
bool may_freeze(const LoadOptions& load, const target::TargetTable& there);

/// The tables (leaves), by id, whose whole table is one chunk. Of several, the first to come would
/// keep the others from it.
std::set<std::int64_t> tables_of_one_chunk(Job& job);

/// Takes FREEZE from all other tables. `Loads`: how each is loaded, by id.
template <typename Loads> void forbid_freezing(Job& job, Loads& loads) {
  const auto single = tables_of_one_chunk(job);
  for (auto& [id, load] : loads) {
    if (!single.contains(id)) {
      load.frozen.clear();
    }
  }
}

}  // namespace pgstride::job
