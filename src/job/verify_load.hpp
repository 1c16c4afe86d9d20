// `pgstride verify` of a job that loaded databases: the rows of the source against those of each
// target, counted and hashed by the servers themselves, each under a snapshot of its own. Uses the
// calling thread, and one more for the second server.
#pragma once

#include "job/job.hpp"
#include "pgstride/job.hpp"

namespace pgstride::job {

/// `job`: opened for reading, with its targets. With `keys` also which rows differ. Throws Error.
VerifyReport verify_load(Job& job, bool keys);

}  // namespace pgstride::job
