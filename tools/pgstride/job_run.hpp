// A job run under signals and reporters, from the first event to the exit code. One thread.
#pragma once

#include <functional>
#include <string>

#include "option_groups.hpp"
#include "pgstride/job.hpp"
#include "verbs.hpp"

namespace pgstride::cli {

using RunJob = std::function<JobSummary(Events&, const StopTokens&)>;

/// Runs it, prints how it ended, and says what that means as an exit code. Throws what `job`
/// throws, after the log has it.
ExitCode run_job(Context& context, const ReportOptions& options, const std::string& directory,
                 const RunJob& job);

}  // namespace pgstride::cli
