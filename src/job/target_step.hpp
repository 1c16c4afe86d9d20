// What a job that loads databases does with them before and after the transfer: their books
// (load_book.hpp), and what of the checkpoint they confirm (correctness.md, 5). Uses the job's
// thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "job/job.hpp"

namespace pgstride::job {

/// For --restart of a job in the directory: takes out of its targets what it has loaded, by
/// emptying the tables that it found empty or emptied, and forgets it there. Throws Error (usage),
/// with nothing changed, where a table held other rows before.
void discard_loads(Job& job, const std::vector<std::string>& conninfos);

/// Before each transfer: enters each target's book, which waits for zombies and fences what is left
/// of earlier runs, and makes the checkpoint say what the book says. A target that can't be reached
/// is set aside for this run if there is another. Throws Error otherwise.
void enter_targets(Job& job);

/// Before the job is called done: compares the checkpoint once more with each target's book, as a
/// target may have been restored from a backup, or a standby that lagged may have taken its place.
/// Gives what is wrong, once the checkpoint says what the books say. Throws Error: checkpoint
/// where another process has taken the job over.
std::optional<Error> confirm_targets(Job& job);

/// Once the snapshot is had: enters each table that is to be loaded, truncates where the user asked
/// for it, and empties what is to be loaded again whole. A table that can't be emptied fails.
void start_target_tables(Job& job);

}  // namespace pgstride::job
