// Dropping what a job has made at its source. Uses the job's thread.
#pragma once

#include <string>
#include <vector>

#include "job/job.hpp"

namespace pgstride::job {

/// What becomes of a slot that somebody reads from.
enum class InUse { keep, refuse };

/// Drops the job's slot and those copied from it, its private publication, and the consumer's if
/// the job made it; what others made stays. A slot that a consumer reads, or was handed over to
/// one, stays with its publication, or is an Error (usage). May be done again. Stores `dropped`.
/// Returns a sentence for each thing. Throws Error: identity, usage, server, connection.
std::vector<std::string> drop_slot_and_publications(Job& job, InUse in_use);

/// For --restart, before the directory's job is discarded: the same of that job, if it had a slot;
/// one in use is an Error. `check` only finds that out.
enum class Discard { check, drop };
void discard_slot(const Job& job, Discard what);

}  // namespace pgstride::job
