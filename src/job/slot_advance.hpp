// The job's slot once all is delivered: moved up to where everything holds (correctness.md, 3.6).
// Uses the job's thread.
#pragma once

#include "job/job.hpp"

namespace pgstride::job {

/// Moves the slot to the smallest position at which a delivery holds, never past it, and waits
/// until a crash of the source can't take that back. Where it can't be moved, it tells so: a
/// consumer that begins at the job's start_lsn is right all the same. Throws Error: stopped,
/// connection.
void advance_slot(Job& job);

}  // namespace pgstride::job
