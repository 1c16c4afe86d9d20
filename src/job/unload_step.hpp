// What a target still holds of chunks whose rows have changed at the source: taken out before any
// chunk of their tables is loaded, as rows may have moved between ranges. Uses the job's thread.
#pragma once

#include "job/job.hpp"

namespace pgstride::job {

/// Behind the run's epoch. A table where it can't be done by range is planned again whole, for
/// start_tables_of() to empty it.
void unload_dirty(Job& job, JobTarget& target);

}  // namespace pgstride::job
