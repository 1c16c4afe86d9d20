#include <memory>

#include "confirm_restart.hpp"
#include "job_run.hpp"
#include "option_groups.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"
#include "verbs.hpp"

namespace pgstride::cli {

namespace {

struct CopyArguments {
  CopyOptions options;
  ReportOptions report;
  bool yes = false;
};

ExitCode run_copy(CopyArguments& arguments, Context& context) {
  CopyOptions& options = arguments.options;
  if (options.directory.empty()) {
    throw Error(ErrorKind::usage, "copy needs a directory for its checkpoint",
                "name it with --job DIR");
  }
  if (options.targets.empty()) {
    throw Error(ErrorKind::usage, "copy needs a database to load", "name it with --target CONN");
  }
  if (options.restart && !arguments.yes) {
    confirm_restart(options.directory, context.screen);
  }
  return run_job(context, arguments.report, options.directory.string(),
                 [&options](Events& events, const StopTokens& stop) {
                   return copy_tables(options, events, stop);
                 });
}

}  // namespace

Verb add_copy(CLI::App& program) {
  const auto arguments = std::make_shared<CopyArguments>();
  CopyOptions& options = arguments->options;
  CLI::App* app = program.add_subcommand(
      "copy", "copy tables into tables of other databases, or go on with such a job");
  add_source(*app, [&options](const std::string& text) { options.source = text; });
  add_targets(*app, options.targets);
  add_value(*app, "--job", "DIR", "the job's directory: new or empty, or one to go on with",
            [&options](const std::string& option, const std::string& text) {
              if (text.empty()) {
                throw Error(ErrorKind::usage, option + " is empty", "name a directory");
              }
              options.directory = text;
            });
  add_select_group(*app, options.select);
  add_chunk_group(*app, options.chunk);
  add_load_group(*app, options.load);
  add_schema_group(*app, options.load);
  add_run_group(*app, options.run, arguments->report);
  add_slot_group(*app, options.slot);
  add_cdc_group(*app, options.run);
  app->add_flag("--restart", options.restart, "discard what the directory's job has done")
      ->group("How it runs");
  app->add_flag("--yes", arguments->yes, "don't ask before discarding")->group("How it runs");
  app->footer("Example:\n"
              "  pgstride copy --source 'host=db1 dbname=shop' --target 'host=db2 dbname=shop' \\\n"
              "      --job move -t 'public.order*' --truncate -j 4");
  return {app, [arguments](Context& context) { return run_copy(*arguments, context); }};
}

}  // namespace pgstride::cli
