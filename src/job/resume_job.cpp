// `pgstride resume`: whatever verb began the job, it goes on from where its checkpoint stands.

#include <random>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "base/durable_file.hpp"
#include "job/directory.hpp"
#include "job/end_load.hpp"
#include "job/end_step.hpp"
#include "job/exact_step.hpp"
#include "job/job.hpp"
#include "job/load_plan.hpp"
#include "job/lost_files.hpp"
#include "job/resume.hpp"
#include "job/run.hpp"
#include "job/settings.hpp"
#include "job/target_identity.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"
#include "target/target_table.hpp"

namespace pgstride::job {

namespace {

// The tables that --create-schema made got their triggers behind the last row, and were never meant
// to fire for any.
void refuse_triggers(Job& job) {
  if (!job.load.create_schema || job.load.disable_triggers) {
    return;
  }
  for (const auto& target : job.targets) {
    auto connection = job.connect_target(target, "triggers");
    const auto names = target_names(job);
    const auto facts = target::read_target_tables(connection, names);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!facts.tables[i].triggers.empty()) {
        throw Error(ErrorKind::usage,
                    fmt::format("--refresh: trigger {} of table {} on target {}, made at the job's "
                                "end, would fire for rows that are loaded again",
                                facts.tables[i].triggers.front(), names[i].display(),
                                target.record.id),
                    "switch it off for the refresh: ALTER TABLE ... DISABLE TRIGGER USER");
      }
    }
  }
}

// A finished job becomes one with work left. A crash before anything is found to have changed
// leaves it as it was: the next resume writes its end again.
void begin_refresh(Job& job) {
  if (!job.slot || job.slot->state != "created") {
    throw Error(ErrorKind::usage,
                "--refresh needs a job with a slot: nothing else tells what has "
                "changed",
                "begin one with --slot and --publication");
  }
  if (job.record.consistency == "fuzzy" || job.run.consistency == Consistency::fuzzy) {
    throw Error(ErrorKind::usage, "--refresh needs a job that is exact, and this one is fuzzy",
                "begin again with --restart");
  }
  if (job.slot->handed_over) {
    throw Error(ErrorKind::usage,
                "--refresh: a consumer reads from the job's slot already, so its "
                "target is newer than what a refresh would bring",
                "let it catch up instead");
  }
  check_slot_usable(job);
  refuse_triggers(job);
  job.refresh = true;
  if (job.record.state != "done" && !is_loaded(job)) {
    return;
  }
  if (!job.loads()) {
    remove_file(job.directory / "manifest.json");
    sync_directory(job.directory);
    crash_point("refresh_manifest_removed");
  }
  const auto batch = job.store->batch();
  job.record.state = "running";
  job.save();
  for (auto& target : job.targets) {
    target.record.ended = false;
    job.store->put_target(target.record);
  }
  job.note("refresh", "what has changed is redone");
  batch->commit();
  crash_point("refresh_begun");
}

}  // namespace

JobSummary go_on(Job& job) {
  const auto lost = job.loads() ? LostFiles{} : find_lost_files(job);
  if (!lost.chunks.empty()) {
    redo_lost_files(job, lost);
  }
  if (job.refresh) {
    begin_refresh(job);
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
  job.refresh = options.refresh;
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
