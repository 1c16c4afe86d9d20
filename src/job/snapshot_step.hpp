// Second step of a job: locks on all tables, then one snapshot with its start position, kept by
// holders (correctness.md, 1–3). Uses the job's thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "handoff/snapshot.hpp"
#include "job/job.hpp"

namespace pgstride::job {

/// Takes over the snapshot that the job still has, if its holders live; else locks, compares and
/// takes a new one, and decides what is kept of what was copied under the old: `record.consistency`
/// and the tables' say what came of it. None if no table is left to copy. Throws Error: snapshot
/// where `--consistency exact` can't be kept, connection, server, stopped.
std::optional<handoff::SnapshotHolders> hold_snapshot(Job& job);

}  // namespace pgstride::job
