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

/// All tables that are neither removed nor failed.
std::vector<OpenTable> kept_tables(Job& job);

/// Which tables are compared with what the server has now.
enum class Compared {
  with_work_left,  ///< and all leaves that share a root with one
  all  ///< where what is done is to go on to hold, which rests on nobody having rewritten it
};

/// Compares tables with the server's oid, name, relfilenode, columns and inheritance tree, and, if
/// all are compared, with its replica identity. A table that changed is planned anew (all
/// of it is copied again if some was done), one that is gone fails, a leaf that left its tree is
/// taken out, a new one that the user's selection names is added. What can't be read again fails
/// with its reason. Returns true if anything changed: lock and compare again then.
bool reconcile_tables(Job& job, pg::Connection& connection,
                      Compared compared = Compared::with_work_left);

/// Marks a table as failed and its planned chunks with it; the others go on. Tells the user.
void fail_table(Job& job, checkpoint::TableRecord record, const std::string& error);

}  // namespace pgstride::job
