// The files that tell which rows the targets have refused: joined from the parts that the chunks
// left (transfer/reject_part.hpp), those of chunks that are in. Uses the job's thread.
#pragma once

#include "job/job.hpp"

namespace pgstride::job {

/// Writes `rejects/SCHEMA.TABLE.csv`, with a header, and beside it `SCHEMA.TABLE.errors.csv`, whose
/// records are in step with its rows, for each table that has any; with several targets in a folder
/// for each. Removes those of tables that have none any more. May be done again. Throws Error (io).
void write_rejects(Job& job);

/// Once the job is done for good: the parts are not needed any more. Throws Error (io).
void drop_reject_parts(const Job& job);

/// Warns of what write_rejects() has written, by name.
void tell_rejects(Job& job);

}  // namespace pgstride::job
