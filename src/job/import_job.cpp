// `pgstride import`: plan → transfer of files into databases → end, wherever an earlier run left
// off.

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/crash_point.hpp"
#include "job/directory.hpp"
#include "job/file_loads.hpp"
#include "job/input_files.hpp"
#include "job/job.hpp"
#include "job/load_ways.hpp"
#include "job/resume.hpp"
#include "job/run.hpp"
#include "job/settings.hpp"
#include "job/target_identity.hpp"
#include "job/target_step.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"
#include "pgstride/version.hpp"

namespace pgstride {

namespace {

namespace fs = std::filesystem;
using job::Job;

// Job, tables and chunks in one transaction: killed before its end, the directory holds no job.
void store_plan(Job& job, job::InputPlan& plan) {
  const auto batch = job.store->batch();
  job.record.state = "planned";
  job.save();
  std::vector<checkpoint::TargetRecord> targets;
  for (const auto& target : job.targets) {
    targets.push_back(target.record);
  }
  job.store->set_targets(targets);
  job.store->put_inputs(plan.inputs);
  std::int64_t rank = 0;
  for (auto& [table, chunks] : plan.tables) {
    table.id = job.store->add_table(table);
    for (auto& chunk : chunks) {
      chunk.table_id = table.id;
    }
    job.store->add_chunks(rank++, chunks);
    job.events->planned(table);
  }
  job.note("plan", fmt::format("{} tables planned", plan.tables.size()));
  batch->commit();
  crash_point("plan_stored");
}

void plan_import(Job& job) {
  const auto files = job::open_input_files(job);
  auto plan = files->plan(job);
  files->describe(job.record);
  std::vector<Table> tables;
  for (auto& [table, chunks] : plan.tables) {
    tables.push_back(table);
    tables.back().id = static_cast<std::int64_t>(tables.size());  // until they are stored
  }
  // Throws, before anything is made, where one can't be loaded.
  job::plan_file_loads(job, files->shape(), tables);
  store_plan(job, plan);
}

// A job that can't be planned leaves nothing behind.
void begin(Job& job, const ImportOptions& options, const std::string& settings,
           bool made_directory) {
  job.record.uid = job::new_uid();
  job.record.name = job.name;
  job.record.verb = "import";
  job.record.tool_version = k_version;
  job.record.settings = settings;
  job.record.created_us = now_us();
  try {
    job::identify_targets(job, options.targets);
    plan_import(job);
  } catch (...) {
    job.store.reset();
    job::leave_directory(job.directory, made_directory);
    throw;
  }
}

std::vector<fs::path> absolute(const std::vector<fs::path>& paths) {
  std::vector<fs::path> out;
  out.reserve(paths.size());
  for (const auto& path : paths) {
    out.push_back(path == "-" ? path : fs::absolute(path).lexically_normal());
  }
  return out;
}

// What a job of another verb has made is not for an import to take over, or to discard.
void refuse_other_verb(const fs::path& directory) {
  if (!checkpoint::has_store(directory)) {
    return;
  }
  const auto record = checkpoint::open_store(directory)->job();
  if (record && record->verb != "import") {
    throw Error(ErrorKind::usage,
                fmt::format("\"{}\" holds the job of an {}", directory.string(), record->verb),
                "name another directory with --job");
  }
}

}  // namespace

JobSummary import_files(const ImportOptions& options, Events& events, const StopTokens& stop) {
  if (options.from.empty()) {
    throw Error(ErrorKind::usage, "there is nothing to import", "name an export, or files");
  }
  job::check_load(options.load);
  Job job;
  job.directory = options.directory;
  job.name = job::job_name(options.directory);
  job.from = absolute(options.from);
  job.select.tables = options.tables;
  job.input = options.input;
  job.load = options.load;
  job.run = options.run;
  job.events = &events;
  job.stop = stop;
  const auto settings = job::settings_json(job.from, options.tables, options.input, options.load);
  std::error_code error;
  const bool made_directory = !fs::exists(options.directory, error);
  job.lock = job::take_directory(options.directory);
  job::set_pause_request(options.directory, job::PauseRequest::none);
  refuse_other_verb(options.directory);
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
  job::compare_settings(record->settings, settings);
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
