#include <memory>

#include "option_groups.hpp"
#include "pgstride/job.hpp"
#include "reporters.hpp"
#include "verbs.hpp"

namespace pgstride::cli {

namespace {

ExitCode run_clean(const CleanOptions& options, Context& context) {
  const StopTokens stop = context.signals.arm(
      [&](int /*request*/) { context.screen.print("pgstride: stopping; clean may be repeated"); });
  const Disarm disarm{context.signals};
  TextReporter events(context.screen, true);
  for (const auto& line : clean_job(options, events, stop)) {
    context.screen.print("pgstride: " + line);
  }
  return ExitCode::done;
}

}  // namespace

Verb add_clean(CLI::App& program) {
  const auto options = std::make_shared<CleanOptions>();
  CLI::App* app = program.add_subcommand(
      "clean", "drop what a job that is done or given up has left on its servers");
  app->add_option("DIR", options->directory, "the job's directory")->required()->type_name("");
  add_source(*app, [&options = *options](const std::string& text) { options.source = text; });
  add_targets(*app, options->targets);
  app->add_flag("--yes", options->yes, "also of a job that is not done, which can't go on then");
  app->footer("Example:\n  pgstride clean move");
  return {app, [options](Context& context) { return run_clean(*options, context); }};
}

}  // namespace pgstride::cli
