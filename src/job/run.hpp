// The data flow of a job that is planned: snapshot → transfer → end, again where a snapshot is
// lost. Uses the calling thread as the job's.
#pragma once

#include "job/job.hpp"

namespace pgstride::job {

/// Runs a planned job to done, paused or failed. `began` is false for a job that ran before.
JobSummary run_job(Job& job, bool resumed);

/// The sums of a job as they stand.
JobSummary summarize(Job& job);

}  // namespace pgstride::job
