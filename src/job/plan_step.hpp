// First step of a job: what is to be copied, in which chunks. Uses the job's thread.
#pragma once

#include <vector>

#include "checkpoint/checkpoint_store.hpp"
#include "job/job.hpp"

namespace pgstride::job {

/// Plans a new job and stores job, tables and chunks in one transaction: killed before its end, the
/// directory holds no job. Throws Error: usage, server, connection, stopped.
void plan_job(Job& job);

/// Plans one table of the job anew from fresh catalog facts, in the caller's batch: its chunks get
/// new numbers, what was done of it is forgotten. Returns how many done chunks that were.
std::int64_t replan_table(Job& job, pg::Connection& connection, checkpoint::TableRecord& record,
                          const Table& fresh, const std::string& reason);

/// Adds a leaf that its parent has got since, in the caller's batch.
void add_leaf(Job& job, pg::Connection& connection, Table fresh);

}  // namespace pgstride::job
