// The tables of a job's targets before its rows come: entered, emptied, or emptied again. Uses the
// job's thread.
#pragma once

#include <vector>

#include "job/job.hpp"

namespace pgstride::job {

/// How the job's tables stand on a target now.
std::vector<target::BookedTable> tables_to_start(Job& job, const JobTarget& target,
                                                 pg::Connection& connection);

/// Once the snapshot is had: enters each table that is to be loaded, truncates where the user asked
/// for it, and empties what is to be loaded again whole. A table that can't be emptied fails.
void start_tables_of(Job& job, JobTarget& target);

}  // namespace pgstride::job
