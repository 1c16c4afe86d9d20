// `pgstride import`: plan → transfer of files into databases → end, wherever an earlier run left
// off.

#include <filesystem>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "job/directory.hpp"
#include "job/file_loads.hpp"
#include "job/input_files.hpp"
#include "job/job.hpp"
#include "job/load_ways.hpp"
#include "job/run_command.hpp"
#include "job/settings.hpp"
#include "job/target_identity.hpp"
#include "job/target_step.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"

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

std::vector<fs::path> absolute(const std::vector<fs::path>& paths) {
  std::vector<fs::path> out;
  out.reserve(paths.size());
  for (const auto& path : paths) {
    out.push_back(path == "-" ? path : fs::absolute(path).lexically_normal());
  }
  return out;
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
  const auto plan = [&](Job& planned) {
    job::identify_targets(planned, options.targets);
    plan_import(planned);
  };
  return job::run_command(
      job, {.verb = "import",
            .settings = job::settings_json(job.from, options.tables, options.input, options.load),
            .targets = options.targets,
            .restart = options.restart,
            .plan = plan});
}

}  // namespace pgstride
