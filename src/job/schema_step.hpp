// --create-schema: the tables of the source are made on each target before their rows come; indexes
// and keys, triggers, policies and the like after them. What is missing stands in the checkpoint
// before the first row, so that nothing is forgotten or made twice. Uses the job's thread.
#pragma once

#include <vector>

#include "job/job.hpp"

namespace pgstride::job {

/// Before a plan is stored: writes the source's definitions into the job's directory. Takes
/// materialized views that nobody named out of the tables, and tells. Throws Error (usage), with
/// nothing changed on a target: a target has one of the tables, a table can't be made (a view, a
/// child by inheritance) or not be loaded (--columns), no pg_dump is new enough, --map.
void prepare_schema(Job& job, pg::Connection& source, std::vector<Table>& tables);

/// Makes the tables where that is not done, and stores what is to be built after the load.
void create_schema(Job& job);

/// After the deferred indexes are built: makes the rest. Again it does nothing.
void finish_schema(Job& job);

/// For --restart: drops the tables that the job made on a target. Its ledger knows them no more.
void drop_schema(Job& job, const JobTarget& target);

}  // namespace pgstride::job
