#include <memory>

#include "confirm_restart.hpp"
#include "job_run.hpp"
#include "option_groups.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"
#include "verbs.hpp"

namespace pgstride::cli {

namespace {

struct ExportArguments {
  ExportOptions options;
  ReportOptions report;
  bool yes = false;
};

ExitCode run_export(ExportArguments& arguments, Context& context) {
  ExportOptions& options = arguments.options;
  if (options.directory.empty()) {
    throw Error(ErrorKind::usage, "export needs a directory for its files",
                "name it with --out DIR");
  }
  check_output(options.output);
  if (options.restart && !arguments.yes) {
    confirm_restart(options.directory, context.screen);
  }
  return run_job(context, arguments.report, options.directory.string(),
                 [&options](Events& events, const StopTokens& stop) {
                   return export_tables(options, events, stop);
                 });
}

}  // namespace

Verb add_export(CLI::App& program) {
  const auto arguments = std::make_shared<ExportArguments>();
  ExportOptions& options = arguments->options;
  CLI::App* app = program.add_subcommand(
      "export", "copy tables to chunk files, or go on with the job of the directory");
  add_source(*app, [&options](const std::string& text) { options.source = text; });
  add_value(*app, "--out", "DIR", "the job's directory: new or empty, or one to go on with",
            [&options](const std::string& option, const std::string& text) {
              if (text.empty()) {
                throw Error(ErrorKind::usage, option + " is empty", "name a directory");
              }
              options.directory = text;
            });
  add_select_group(*app, options.select);
  add_chunk_group(*app, options.chunk);
  add_output_group(*app, options.output);
  add_run_group(*app, options.run, arguments->report);
  add_slot_group(*app, options.slot);
  add_cdc_group(*app, options.run);
  app->add_flag("--restart", options.restart, "discard what the directory's job has done")
      ->group("How it runs");
  app->add_flag("--yes", arguments->yes, "don't ask before discarding")->group("How it runs");
  app->footer("Example:\n"
              "  pgstride export --source 'host=db1 dbname=shop' --out orders \\\n"
              "      -t 'public.order*' -j 4 -Z zstd:3\n"
              "  pgstride export --source service=shop --out recent -t orders \\\n"
              "      --where \"orders:created_at >= '2026-01-01'\" --header");
  return {app, [arguments](Context& context) { return run_export(*arguments, context); }};
}

}  // namespace pgstride::cli
