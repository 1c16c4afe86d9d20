// Compares the tables that are left to copy with what the server has now, under their locks, and
// changes the plan where it has to (correctness.md, 1 and 3). Uses the job's thread.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint_store.hpp"
#include "job/job.hpp"

namespace pgstride::job {

/// A table (leaf) with work left.
struct OpenTable {
  checkpoint::TableRecord record;
  checkpoint::TableTotals totals;
};

/// All tables that have chunks left to copy, those set aside in this run left out.
std::vector<OpenTable> open_tables(Job& job);

/// Compares oid, relfilenode and columns of the open tables, and the leaves of their parents, with
/// the server's; `locker` holds the locks. A table that changed is planned anew (all of it is
/// copied again if some was done), one that is gone fails, a leaf that is gone is taken out, a new
/// one added. Returns true if anything changed: lock and compare again then.
bool reconcile_tables(Job& job, pg::Connection& locker, const std::vector<OpenTable>& tables);

/// Marks a table as failed and its chunks with it; the others go on. Tells the user.
void fail_table(Job& job, checkpoint::TableRecord record, const std::string& error);

}  // namespace pgstride::job
