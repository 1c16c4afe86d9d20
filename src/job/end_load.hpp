// Last step of a job that loads databases: deferred indexes, sequences, statistics, then the end is
// made durable, the ledgers forget the job, and it is done. Every part can be done again. Uses the
// job's thread.
#pragma once

#include "job/job.hpp"

namespace pgstride::job {

/// True once the checkpoint says that every target has everything: the ledgers may be gone.
bool is_loaded(const Job& job);

/// Throws Error (server) if something could not be built: the job is not done then.
void end_load(Job& job);

}  // namespace pgstride::job
