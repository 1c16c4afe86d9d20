// `pgstride pause`: asks the process that runs a job to stop cleanly, and waits until it has.

#include <chrono>

#include <fmt/format.h>

#include "base/backoff.hpp"
#include "checkpoint/checkpoint_store.hpp"
#include "job/directory.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"

namespace pgstride {

JobStatus pause_job(const std::filesystem::path& directory, bool hold, const StopTokens& stop) {
  if (!checkpoint::has_store(directory)) {
    throw Error(ErrorKind::usage,
                fmt::format("directory \"{}\" holds no job (no checkpoint.db)", directory.string()),
                "name the directory that was given to export with --out");
  }
  if (job::liveness(directory).running) {
    job::set_pause_request(directory, hold ? job::PauseRequest::hold : job::PauseRequest::pause);
  } else if (job::liveness(directory).held && !hold) {
    job::set_release_request(directory, true);  // let the held snapshot go
  }
  for (;;) {
    const auto alive = job::liveness(directory);
    if (!alive.running && (hold || !alive.held)) {
      break;
    }
    if (!sleep_for(std::chrono::milliseconds(50), stop.drain)) {
      throw Error(ErrorKind::stopped, "stopped waiting; the job still pauses once it can");
    }
  }
  job::set_pause_request(directory, job::PauseRequest::none);  // of a job that ended just now
  auto status = job_status(directory, false);
  if (hold && !status.held) {
    throw Error(ErrorKind::snapshot,
                fmt::format("{} is {}: there is no snapshot to hold", status.job, status.state),
                status.state == "done"
                    ? "nothing is left to do"
                    : "go on with it by `pgstride resume`, and pause that run with --hold");
  }
  return status;
}

}  // namespace pgstride
