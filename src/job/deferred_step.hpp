// --defer-indexes (and --create-schema): what is dropped from a target before a load and built
// again after it. The checkpoint has the definitions before the first is dropped, so that nothing
// is ever forgotten. Uses the job's thread.
#pragma once

#include "job/job.hpp"

namespace pgstride::job {

/// Of tables made by --create-schema: stores what the source's have, to be built at the end. In the
/// caller's batch.
void capture_of_source(Job& job, pg::Connection& source, JobTarget& target);

/// Before a transfer: captures what each target's tables have, stores it, and drops it. What an
/// earlier run has captured is dropped again. Throws Error: usage (not the owner), lock, server.
void drop_deferred_objects(Job& job);

/// After the load, and before a job is discarded: builds what is missing on a target. Returns how
/// many could not be built, each told with its error; a resume tries them again.
int build_deferred_objects(Job& job, const JobTarget& target);

/// Of a job that is given up: warns of what the tables that it made will not have.
void tell_of_bare_tables(Job& job, const JobTarget& target);

/// After a run that is not done: warns of what waits to be built.
void tell_of_deferred(Job& job);

}  // namespace pgstride::job
