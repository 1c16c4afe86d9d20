// `pgstride export`: plan → snapshot → transfer → end, wherever an earlier run left off.

#include "job/copy_sql.hpp"
#include "job/directory.hpp"
#include "job/job.hpp"
#include "job/plan_step.hpp"
#include "job/run_command.hpp"
#include "job/settings.hpp"
#include "job/slot_step.hpp"
#include "pgstride/job.hpp"

namespace pgstride {

JobSummary export_tables(const ExportOptions& options, Events& events, const StopTokens& stop) {
  job::check_output(options.output);
  job::check_slot_options(options.slot);
  job::Job job;
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
  return job::run_command(
      job, {.verb = "export",
            .settings = job::settings_json(options.select, options.chunk, options.output),
            .targets = {},
            .restart = options.restart,
            .plan = job::plan_job});
}

}  // namespace pgstride
