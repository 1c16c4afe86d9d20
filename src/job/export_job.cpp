// `pgstride export`: plan → snapshot → transfer → end, wherever an earlier run left off.

#include <system_error>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "job/copy_sql.hpp"
#include "job/directory.hpp"
#include "job/job.hpp"
#include "job/plan_step.hpp"
#include "job/resume.hpp"
#include "job/run.hpp"
#include "job/settings.hpp"
#include "job/slot_step.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"
#include "pgstride/version.hpp"

namespace pgstride {

namespace {

using job::Job;

// A job that can't be planned leaves nothing behind: no server, no such table, no right to read it.
void begin(Job& job, const std::string& settings, bool made_directory) {
  job.record.uid = job::new_uid();
  job.record.name = job.name;
  job.record.verb = "export";
  job.record.tool_version = k_version;
  job.record.settings = settings;
  job.record.created_us = now_us();
  try {
    job::plan_job(job);
  } catch (...) {
    job.store.reset();
    job::leave_directory(job.directory, made_directory);
    throw;
  }
}

}  // namespace

JobSummary export_tables(const ExportOptions& options, Events& events, const StopTokens& stop) {
  job::check_output(options.output);
  job::check_slot_options(options.slot);
  Job job;
  job.directory = options.directory;
  job.name = job::job_name(options.directory);
  job.conninfo = options.source;
  job.select = options.select;
  job.chunk = options.chunk;
  job.output = options.output;
  job.slot_options = options.slot;
  job.run = options.run;
  job.events = &events;
  job.stop = stop;
  std::error_code error;
  const bool made_directory = !std::filesystem::exists(options.directory, error);
  job.lock = job::take_directory(options.directory);
  job::set_pause_request(options.directory, job::PauseRequest::none);
  if (options.restart || job::is_discarding(options.directory)) {
    job::discard_job(options.directory);
  }
  job.store = checkpoint::open_store(options.directory);
  const auto settings = job::settings_json(options.select, options.chunk, options.output);
  const auto record = job.store->job();
  if (!record) {
    begin(job, settings, made_directory);
    return job::run_job(job, false);
  }
  job.record = *record;
  job.slot = job.store->slot();
  job::compare_settings(record->settings, settings);
  job::compare_slot(job, options.slot);
  return job::go_on(job);
}

}  // namespace pgstride
