// `pgstride copy`: plan → snapshot → transfer into databases → end, wherever an earlier run left
// off.

#include <filesystem>

#include "job/directory.hpp"
#include "job/job.hpp"
#include "job/load_plan.hpp"
#include "job/load_ways.hpp"
#include "job/plan_step.hpp"
#include "job/run_command.hpp"
#include "job/settings.hpp"
#include "job/slot_step.hpp"
#include "job/target_identity.hpp"
#include "job/target_step.hpp"
#include "pgstride/job.hpp"

namespace pgstride {

JobSummary copy_tables(const CopyOptions& options, Events& events, const StopTokens& stop) {
  job::check_load(options.load);
  job::check_slot_options(options.slot);
  job::Job job;
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
  const auto plan = [&](job::Job& planned) {
    {
      auto source = planned.connect("identity");
      job::identify_targets(planned, options.targets);
      job::refuse_source_as_target(planned, source);
    }
    job::plan_job(planned);
    job::check_map(planned);
  };
  return job::run_command(job,
                          {.verb = "copy",
                           .settings = job::settings_json(options.select, options.chunk, job.load),
                           .targets = options.targets,
                           .restart = options.restart,
                           .plan = plan});
}

}  // namespace pgstride
