#include "job/run_command.hpp"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "job/directory.hpp"
#include "job/drop_slot.hpp"
#include "job/resume.hpp"
#include "job/run.hpp"
#include "job/settings.hpp"
#include "job/slot_step.hpp"
#include "job/target_identity.hpp"
#include "job/target_step.hpp"
#include "pgstride/error.hpp"
#include "pgstride/version.hpp"

namespace pgstride::job {

namespace {

// What a job of another verb has made is not to be taken over, or discarded: a copy's ledger would
// stay behind in its targets. A checkpoint that is damaged tells nothing of it.
void refuse_other_verb(const std::filesystem::path& directory, const std::string& verb) {
  if (!checkpoint::has_store(directory)) {
    return;
  }
  std::optional<checkpoint::JobRecord> record;
  try {
    record = checkpoint::open_store(directory)->job();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::checkpoint) {
      throw;
    }
  }
  if (record && record->verb != verb) {
    throw Error(ErrorKind::usage,
                fmt::format("\"{}\" holds a job of pgstride {}", directory.string(), record->verb),
                "name another directory");
  }
}

JobSummary begin(Job& job, const Command& command, bool made_directory) {
  job.record.uid = new_uid();
  job.record.name = job.name;
  job.record.verb = command.verb;
  job.record.tool_version = k_version;
  job.record.settings = command.settings;
  job.record.created_us = now_us();
  try {
    command.plan(job);
  } catch (...) {
    job.store.reset();
    leave_directory(job.directory, made_directory);
    throw;
  }
  return run_job(job, false);
}

void match_all_targets(Job& job, const std::vector<std::string>& targets) {
  match_targets(job, targets);
  if (job.targets.size() != targets.size()) {
    throw Error(ErrorKind::usage,
                fmt::format("the job has {} targets, the command names {}", job.targets.size(),
                            targets.size()),
                "repeat the command as it was, or use `pgstride resume DIR`");
  }
}

}  // namespace

JobSummary run_command(Job& job, const Command& command) {
  const bool loads = command.verb != "export";
  std::error_code error;
  const bool made_directory = !std::filesystem::exists(job.directory, error);
  job.lock = take_directory(job.directory);
  set_pause_request(job.directory, PauseRequest::none);
  refuse_other_verb(job.directory, command.verb);
  if (command.restart || is_discarding(job.directory)) {
    discard_slot(job, Discard::check);
    if (loads) {
      discard_loads(job, command.targets);
    }
    discard_slot(job, Discard::drop);
    discard_job(job.directory);
  }
  job.store = checkpoint::open_store(job.directory);
  const auto record = job.store->job();
  if (!record) {
    return begin(job, command, made_directory);
  }
  job.record = *record;
  job.slot = job.store->slot();
  compare_settings(record->settings, command.settings);
  compare_slot(job, job.slot_options);
  if (loads) {
    job.record.settings = command.settings;
    match_all_targets(job, command.targets);
  }
  return go_on(job);
}

}  // namespace pgstride::job
