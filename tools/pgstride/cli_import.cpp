#include <memory>

#include "confirm_restart.hpp"
#include "job_run.hpp"
#include "option_groups.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"
#include "verbs.hpp"

namespace pgstride::cli {

namespace {

struct ImportArguments {
  ImportOptions options;
  ReportOptions report;
  bool yes = false;
};

ExitCode run_import(ImportArguments& arguments, Context& context) {
  ImportOptions& options = arguments.options;
  if (options.directory.empty()) {
    throw Error(ErrorKind::usage, "import needs a directory for its checkpoint",
                "name it with --job DIR");
  }
  if (options.from.empty()) {
    throw Error(ErrorKind::usage, "import needs files to load",
                "name the directory of an export, or files, with --from");
  }
  if (options.targets.empty()) {
    options.targets.emplace_back();  // the PG* variables hold
  }
  if (options.restart && !arguments.yes) {
    confirm_restart(options.directory, context.screen);
  }
  return run_job(context, arguments.report, options.directory.string(),
                 [&options](Events& events, const StopTokens& stop) {
                   return import_files(options, events, stop);
                 });
}

}  // namespace

Verb add_import(CLI::App& program) {
  const auto arguments = std::make_shared<ImportArguments>();
  ImportOptions& options = arguments->options;
  CLI::App* app = program.add_subcommand(
      "import", "load an export, or any csv, text or binary files, into databases");
  const auto path = [](const std::string& option, const std::string& text) {
    if (text.empty()) {
      throw Error(ErrorKind::usage, option + " is empty", "name a directory or a file");
    }
    return std::filesystem::path(text);
  };
  add_values(*app, "--from", "DIR|FILE|-",
             "the directory of an export; or files (repeatable); or - for standard input",
             [&options, path](const std::string& option, const std::string& text) {
               options.from.push_back(path(option, text));
             });
  add_targets(*app, options.targets);
  add_value(*app, "--job", "DIR", "the job's directory: new or empty, or one to go on with",
            [&options, path](const std::string& option, const std::string& text) {
              options.directory = path(option, text);
            });
  add_values(*app, "-t,--table", "PATTERN",
             "tables of an export like this psql pattern (default: all); the table of other files",
             [&options](const std::string& /*option*/, const std::string& text) {
               options.tables.push_back(text);
             });
  add_input_group(*app, options.input);
  add_load_group(*app, options.load);
  add_run_group(*app, options.run, arguments->report);
  app->add_flag("--restart", options.restart, "discard what the directory's job has done")
      ->group("How it runs");
  app->add_flag("--yes", arguments->yes, "don't ask before discarding")->group("How it runs");
  app->footer("Example:\n"
              "  pgstride import --from orders --target 'host=db2 dbname=shop' --job load -j 4\n"
              "  pgstride import --from people.csv.gz --header -t public.people --job people");
  return {app, [arguments](Context& context) { return run_import(*arguments, context); }};
}

}  // namespace pgstride::cli
