// Which databases a job loads: found out for a new job, matched for one that goes on. Uses the
// job's thread.
#pragma once

#include <string>
#include <vector>

#include "job/job.hpp"

namespace pgstride::job {

/// For a new job: connects to each target and sets `job.targets`. Throws Error: usage where a
/// target is another one; connection, server.
void identify_targets(Job& job, const std::vector<std::string>& conninfos);

/// Throws Error (usage) if a target is the source.
void refuse_source_as_target(const Job& job, pg::Connection& source);

/// For a job that goes on: the stored targets, with the connection strings given now matched to
/// them by identity, in any order. Throws Error (identity) for one that is none of the job's.
void match_targets(Job& job, const std::vector<std::string>& conninfos);

/// Throws Error: identity unless the server is the one that the job knows; usage if it can't be
/// written.
void check_target(pg::Connection& connection, const JobTarget& target);

/// `database "x" of system 7…`, for messages.
std::string shown(const checkpoint::TargetRecord& target);

}  // namespace pgstride::job
