#include <chrono>
#include <filesystem>
#include <memory>

#include <unistd.h>

#include "json_output.hpp"
#include "pgstride/job.hpp"
#include "screen.hpp"
#include "status_text.hpp"
#include "verbs.hpp"
#include "watch.hpp"

namespace pgstride::cli {

namespace {

struct StatusArguments {
  std::filesystem::path directory;
  bool json = false;
  bool chunks = false;
  bool watch = false;
};

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string rendered(const StatusArguments& arguments, const JobStatus& status) {
  if (arguments.json) {
    return json_line(status_json(status, arguments.chunks)) + "\n";
  }
  std::string out =
      status_text(status, arguments.directory.string(), now_us(),
                  isatty(STDOUT_FILENO) == 1 ? terminal_size(STDOUT_FILENO).columns : 0);
  return arguments.chunks ? out + "\n" + chunks_text(status) : out;
}

ExitCode watch(const StatusArguments& arguments, Context& context) {
  const StopTokens stop = context.signals.arm([](int /*request*/) {});
  const Disarm disarm{context.signals};
  const bool terminal = isatty(STDOUT_FILENO) == 1 && !arguments.json;
  if (terminal) {
    // A job that is paused or died may be gone on with from elsewhere: only `done` is the end.
    watch_on_terminal(
        [&] {
          const JobStatus status = job_status(arguments.directory, arguments.chunks);
          return Frame{rendered(arguments, status), status.state == "done"};
        },
        stop.drain);
  } else {
    watch_as_lines(
        [&] {
          const JobStatus status = job_status(arguments.directory, arguments.chunks);
          return Frame{arguments.json ? rendered(arguments, status) : status_line(status, now_us()),
                       !status.alive};
        },
        stop.drain);
  }
  return ExitCode::done;
}

ExitCode run_status(const StatusArguments& arguments, Context& context) {
  if (arguments.watch) {
    return watch(arguments, context);
  }
  print_data(rendered(arguments, job_status(arguments.directory, arguments.chunks)));
  return ExitCode::done;
}

}  // namespace

Verb add_status(CLI::App& program) {
  const auto arguments = std::make_shared<StatusArguments>();
  CLI::App* app = program.add_subcommand(
      "status", "tell where a job stands; works while it runs and after it died");
  app->add_option("DIR", arguments->directory, "the job's directory")->required()->type_name("");
  app->add_flag("--json", arguments->json, "one JSON object instead of a table");
  app->add_flag("--chunks", arguments->chunks, "also each chunk");
  app->add_flag("--watch", arguments->watch, "again each second, until the job is done or a key");
  app->footer("Example:\n  pgstride status orders --watch");
  return {app, [arguments](Context& context) { return run_status(*arguments, context); }};
}

}  // namespace pgstride::cli
