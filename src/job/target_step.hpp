// What a job that loads databases does with them before and after the transfer: who they are, their
// ledgers, and what of the checkpoint they confirm (correctness.md, 5). Uses the job's thread.
#pragma once

#include <optional>
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

/// For --restart of a job in the directory: takes out of its targets what it has loaded, by
/// emptying the tables that it found empty or emptied, and forgets it there. Throws Error (usage),
/// with nothing changed, where a table held other rows before.
void discard_loads(Job& job, const std::vector<std::string>& conninfos);

/// Before each transfer: raises the epoch in each target's ledger, which waits for zombies and
/// fences what is left of earlier runs, and makes the checkpoint say what the ledger says. A target
/// that can't be reached is set aside for this run if there is another. Throws Error otherwise.
void enter_targets(Job& job);

/// Before the job is called done: compares the checkpoint once more with each target's ledger, as a
/// target may have been restored from a backup, or a standby that lagged may have taken its place.
/// Gives what is wrong, once the checkpoint says what the ledgers say. Throws Error: checkpoint
/// where another process has taken the job over.
std::optional<Error> confirm_targets(Job& job);

/// Once the snapshot is had: enters each table that is to be loaded, truncates where the user asked
/// for it, and empties what is to be loaded again whole. A table that can't be emptied fails.
void start_target_tables(Job& job);

}  // namespace pgstride::job
