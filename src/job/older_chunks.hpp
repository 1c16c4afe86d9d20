// What was copied under a snapshot that is gone, where no slot tells what has changed since: kept,
// or copied again whole (correctness.md, 3). Uses the job's thread.
#pragma once

#include <string>
#include <vector>

#include "job/job.hpp"

namespace pgstride::job {

/// What is to be told once the table's lock shows that it is still there.
struct Redo {
  std::string table;
  std::string message;
  std::string hint;
};

/// Every table that is partly done, also those that failed: never may chunks of two snapshots meet
/// in a table unless that is allowed. Throws Error (snapshot) where --consistency exact can't be
/// kept.
void settle_old_chunks(Job& job, std::vector<Redo>& redos);

/// A table that turned out to be gone is told as failed, not as exported again.
void tell_redos(Job& job, std::vector<Redo>& redos);

/// Names of the tables that are partly done and that a resume under another snapshot exports again
/// whole, with `--consistency auto`.
std::vector<std::string> tables_to_redo(Job& job);

}  // namespace pgstride::job
