// The slot of a job that hands over to change data capture, and its publications: made under the
// locks, before the snapshot, which is the slot's own (correctness.md, 1). Each act on the server
// follows a durable word in the checkpoint, so that a resume knows whose it is. Uses the job's
// thread.
#pragma once

#include <vector>

#include "checkpoint/checkpoint_store.hpp"
#include "handoff/slot.hpp"
#include "job/job.hpp"
#include "pg/replication.hpp"

namespace pgstride::job {

/// Throws Error (usage) if only one of slot and publication is named, or the slot's name is none.
void check_slot_options(const SlotOptions& options);

/// For a new job, before its tables are planned: sets `job.slot`, none if none is asked for. Throws
/// Error (usage) where the source can't have it, or has a slot of that name.
void prepare_slot(Job& job, pg::Connection& source);

/// The same once the tables are known: throws Error (usage) where none of them can be published, or
/// the consumer's publication is there and would keep changes back. Nothing is made.
void check_publications(Job& job, pg::Connection& source, const std::vector<Table>& tables);

/// Throws Error (usage) if the command that goes on with a job names another slot or publication.
void compare_slot(const Job& job, const SlotOptions& options);

/// True if the next snapshot is to be that of a new slot: there is none yet, or nothing was read
/// under its own and that is gone.
bool needs_new_slot(Job& job);

/// With the locks held: publications, then the slot. What is returned exports the snapshot for as
/// long as it lives; `waiting` is told of older transactions. Throws Error: lock (try again), usage
/// (a slot or publication of others is in the way), server, stopped.
pg::ExportingSlot make_slot(Job& job, const handoff::Waiting& waiting);

/// Brings the publications in line with the job's tables, under their locks: makes what is missing
/// before the slot is made, adds tables that came later; tells which can't be published. Throws
/// Error: lock; usage as check_publications(); server if a publication is gone that the slot needs.
void make_publications(Job& job);

/// Throws Error (usage) if a consumer was made: its rows may not become newer than where it begins.
void refuse_handed_over(const Job& job);

/// The name of the session that makes the job's slot: a former one is known by it.
std::string slot_session_name(const Job& job);

/// True if a slot of its name can only be the job's own, and stands where the job has put it: it is
/// safe to drop if nobody reads from it.
bool is_own_slot(Job& job, pg::Connection& session, const handoff::SlotFacts& found);

}  // namespace pgstride::job
