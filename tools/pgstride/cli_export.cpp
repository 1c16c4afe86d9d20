#include <filesystem>
#include <iostream>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "human.hpp"
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

std::string what_stands_there(const std::filesystem::path& directory) {
  try {
    const JobStatus status = job_status(directory, false);
    return fmt::format("the job in {} is {}, with {} of {} and {} rows", directory.string(),
                       status.state, count_text(status.chunks_done),
                       counted(status.chunks_total, "chunk"), count_text(status.rows));
  } catch (const Error& error) {
    // A job that can't be read is a good reason to start again.
    return fmt::format("the job in {} can't be read ({})", directory.string(), error.what());
  }
}

/// Throws Error (usage) unless it is sure that the job may be discarded.
void confirm_restart(const std::filesystem::path& directory, Screen& screen) {
  const bool asks = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
  if (!asks) {
    throw Error(ErrorKind::usage,
                fmt::format("--restart would discard what {} holds", directory.string()),
                "there is no terminal to ask on: add --yes if that is meant");
  }
  std::error_code ignored;
  if (!std::filesystem::exists(directory / "checkpoint.db", ignored)) {
    return;
  }
  screen.print(fmt::format("pgstride: {}\nDiscard it and start again? Type yes:",
                           printable_lines(what_stands_there(directory))));
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "yes" && answer != "y") {
    throw Error(ErrorKind::usage, "nothing was discarded",
                "without --restart the job goes on where it stands");
  }
}

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
