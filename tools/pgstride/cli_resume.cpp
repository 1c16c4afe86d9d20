#include <memory>

#include "job_run.hpp"
#include "option_groups.hpp"
#include "pgstride/job.hpp"
#include "verbs.hpp"

namespace pgstride::cli {

namespace {

struct ResumeArguments {
  ResumeOptions options;
  ReportOptions report;
};

}  // namespace

Verb add_resume(CLI::App& program) {
  const auto arguments = std::make_shared<ResumeArguments>();
  ResumeOptions& options = arguments->options;
  CLI::App* app = program.add_subcommand("resume", "go on with a job that was paused or died");
  app->add_option("DIR", options.directory, "the job's directory")->required()->type_name("");
  add_source(*app, [&options](const std::string& text) { options.source = text; });
  add_targets(*app, options.targets);
  app->add_flag(
      "--refresh", options.refresh,
      "bring a job with a slot, also a finished one, to now: only what changed is redone");
  add_run_group(*app, options.run, arguments->report);
  add_cdc_group(*app, options.run);
  app->footer("Example:\n"
              "  pgstride resume orders\n"
              "  PGPASSFILE=~/.pgpass pgstride resume orders -j 8 --max-duration 2h");
  return {app, [arguments](Context& context) {
            const ResumeOptions& job = arguments->options;
            return run_job(context, arguments->report, job.directory.string(),
                           [&job](Events& events, const StopTokens& stop) {
                             return resume_job(job, events, stop);
                           });
          }};
}

}  // namespace pgstride::cli
