// `pgstride copy`: plan → snapshot → transfer into databases → end, wherever an earlier run left
// off.

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "job/directory.hpp"
#include "job/job.hpp"
#include "job/load_plan.hpp"
#include "job/load_ways.hpp"
#include "job/plan_step.hpp"
#include "job/resume.hpp"
#include "job/run.hpp"
#include "job/settings.hpp"
#include "job/slot_step.hpp"
#include "job/target_identity.hpp"
#include "job/target_step.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"
#include "pgstride/version.hpp"

namespace pgstride {

namespace {

using job::Job;

// A job that can't be planned leaves nothing behind.
void begin(Job& job, const CopyOptions& options, const std::string& settings, bool made_directory) {
  job.record.uid = job::new_uid();
  job.record.name = job.name;
  job.record.verb = "copy";
  job.record.tool_version = k_version;
  job.record.settings = settings;
  job.record.created_us = now_us();
  try {
    {
      auto source = job.connect("identity");
      job::identify_targets(job, options.targets);
      job::refuse_source_as_target(job, source);
    }
    job::plan_job(job);
    job::check_map(job);
  } catch (...) {
    job.store.reset();
    job::leave_directory(job.directory, made_directory);
    throw;
  }
}

}  // namespace

JobSummary copy_tables(const CopyOptions& options, Events& events, const StopTokens& stop) {
  job::check_load(options.load);
  job::check_slot_options(options.slot);
  Job job;
  job.directory = options.directory;
  job.name = job::job_name(options.directory);
  job.conninfo = options.source;
  job.select = options.select;
  job.chunk = options.chunk;
  job.load = options.load;
  if (!job.load.pg_dump.empty()) {
    job.load.pg_dump = std::filesystem::absolute(job.load.pg_dump).string();
  }
  job.slot_options = options.slot;
  job.run = options.run;
  job.events = &events;
  job.stop = stop;
  std::error_code error;
  const bool made_directory = !std::filesystem::exists(options.directory, error);
  job.lock = job::take_directory(options.directory);
  job::set_pause_request(options.directory, job::PauseRequest::none);
  const auto settings = job::settings_json(options.select, options.chunk, job.load);
  if (options.restart || job::is_discarding(options.directory)) {
    job::discard_loads(job, options.targets);
    job::discard_job(options.directory);
  }
  job.store = checkpoint::open_store(options.directory);
  const auto record = job.store->job();
  if (!record) {
    begin(job, options, settings, made_directory);
    return job::run_job(job, false);
  }
  job.record = *record;
  job.slot = job.store->slot();
  job::compare_settings(record->settings, settings);
  job::compare_slot(job, options.slot);
  job.record.settings = settings;
  job::match_targets(job, options.targets);
  if (job.targets.size() != options.targets.size()) {
    throw Error(ErrorKind::usage,
                fmt::format("the job has {} targets, the command names {}", job.targets.size(),
                            options.targets.size()),
                "repeat the command as it was, or use `pgstride resume DIR`");
  }
  return job::go_on(job);
}

}  // namespace pgstride
