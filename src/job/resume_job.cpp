// `pgstride resume`: whatever verb began the job, it goes on from where its checkpoint stands.

#include <random>

#include <fmt/format.h>

#include "job/directory.hpp"
#include "job/end_step.hpp"
#include "job/job.hpp"
#include "job/lost_files.hpp"
#include "job/resume.hpp"
#include "job/run.hpp"
#include "job/settings.hpp"
#include "job/target_identity.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"

namespace pgstride::job {

JobSummary go_on(Job& job) {
  const auto lost = job.loads() ? LostFiles{} : find_lost_files(job);
  if (!lost.chunks.empty()) {
    redo_lost_files(job, lost);
  } else if (job.record.state == "done") {
    if (!lost.of_the_end.empty()) {
      job.warn(lost.of_the_end + " is gone or of another size and is written again", "");
      end_job(job);
    }
    auto summary = summarize(job);
    summary.unchanged = lost.of_the_end.empty();
    job.events->job_done(summary);
    return summary;
  }
  return run_job(job, true);
}

std::string new_uid() {
  std::random_device random;
  std::string uid;
  for (int i = 0; i < 4; ++i) {
    uid += fmt::format("{:08x}", random());
  }
  return uid;
}

}  // namespace pgstride::job

namespace pgstride {

JobSummary resume_job(const ResumeOptions& options, Events& events, const StopTokens& stop) {
  job::Job job;
  job.directory = options.directory;
  job.name = job::job_name(options.directory);
  job.run = options.run;
  job.events = &events;
  job.stop = stop;
  job.lock = job::take_existing(options.directory);
  job::set_pause_request(options.directory, job::PauseRequest::none);
  if (job::is_discarding(options.directory)) {
    throw Error(ErrorKind::usage,
                fmt::format("the job in \"{}\" was being discarded by --restart",
                            options.directory.string()),
                "run the command that made it again: it begins anew");
  }
  job.store = checkpoint::open_store(options.directory);
  const auto record = job.store->job();
  if (!record) {
    throw Error(ErrorKind::usage,
                fmt::format("the job in \"{}\" was never planned", options.directory.string()),
                "run the command that made it again");
  }
  job.record = *record;
  job.slot = job.store->slot();
  job.conninfo = options.source.value_or(record->source);
  if (record->verb == "export") {
    if (!options.targets.empty()) {
      throw Error(ErrorKind::usage, "--target does not go with an export", "leave it out");
    }
    job::parse_settings(record->settings, job.select, job.chunk, job.output);
  } else if (record->verb == "import") {
    if (options.source) {
      throw Error(ErrorKind::usage, "--source does not go with an import", "leave it out");
    }
    job::parse_settings(record->settings, job.from, job.select.tables, job.input, job.load);
    job::match_targets(job, options.targets);
  } else {
    job::parse_settings(record->settings, job.select, job.chunk, job.load);
    job::match_targets(job, options.targets);
  }
  return job::go_on(job);
}

}  // namespace pgstride
