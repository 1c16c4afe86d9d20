#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "human.hpp"
#include "pgstride/job.hpp"
#include "verbs.hpp"

namespace pgstride::cli {

namespace {

struct PauseArguments {
  std::filesystem::path directory;
  bool hold = false;
};

std::string outcome_text(const JobStatus& status, const std::string& directory) {
  if (status.state == "done") {
    return fmt::format("pgstride: {} is done; there is nothing to pause", printable(status.job));
  }
  return fmt::format("pgstride: {} is {}{}: {} of {} done\nHINT: go on with: pgstride resume {}",
                     printable(status.job), status.state, status.held ? ", its snapshot held" : "",
                     count_text(status.chunks_done), counted(status.chunks_total, "chunk"),
                     shell_word(directory));
}

ExitCode run_pause(const PauseArguments& arguments, Context& context) {
  const StopTokens stop = context.signals.arm([&](int /*request*/) {
    context.screen.print("pgstride: no longer waiting; the job was asked to pause all the same");
  });
  const Disarm disarm{context.signals};
  const JobStatus status = pause_job(arguments.directory, arguments.hold, stop);
  if (status.alive && !status.held && context.signals.exit_code()) {
    return *context.signals.exit_code();
  }
  context.screen.print(outcome_text(status, arguments.directory.string()));
  return ExitCode::done;
}

}  // namespace

Verb add_pause(CLI::App& program) {
  const auto arguments = std::make_shared<PauseArguments>();
  CLI::App* app = program.add_subcommand(
      "pause", "ask a running job to stop after its chunks in flight, and wait until it has");
  app->add_option("DIR", arguments->directory, "the job's directory")->required()->type_name("");
  app->add_flag("--hold", arguments->hold,
                "keep the job's snapshot open, so that going on is exact");
  app->footer("Example:\n  pgstride pause orders --hold");
  return {app, [arguments](Context& context) { return run_pause(*arguments, context); }};
}

}  // namespace pgstride::cli
