// How a job that stands in a directory goes on. Uses the calling thread as the job's.
#pragma once

#include <string>

#include "job/job.hpp"

namespace pgstride::job {

/// Goes on with a job whose record, settings and targets are set. A finished one is left as it is,
/// but never called finished over files that are gone.
JobSummary go_on(Job& job);

/// A name that no job ever had: 128 random bits, in hexadecimal.
std::string new_uid();

}  // namespace pgstride::job
