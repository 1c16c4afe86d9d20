// The data flow of a job that is planned: snapshot → transfer → end, again where a snapshot is
// lost. Uses the calling thread as the job's.
#pragma once

#include "job/job.hpp"

namespace pgstride::job {

/// Runs a planned job to done, paused or failed. `began` is false for a job that ran before.
JobSummary run_job(Job& job, bool resumed);

/// Throws Error (identity) unless the source is the one that the job was planned on; warns of
/// another timeline.
void check_identity(Job& job);

/// The sums of a job as they stand.
JobSummary summarize(Job& job);

}  // namespace pgstride::job
