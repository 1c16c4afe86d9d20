#include <memory>

#include "json_output.hpp"
#include "option_groups.hpp"
#include "pgstride/job.hpp"
#include "reporters.hpp"
#include "verbs.hpp"
#include "verify_text.hpp"

namespace pgstride::cli {

namespace {

struct VerifyArguments {
  VerifyOptions options;
  bool json = false;
};

ExitCode run_verify(const VerifyArguments& arguments, Context& context) {
  const StopTokens stop = context.signals.arm(
      [&](int /*request*/) { context.screen.print("pgstride: stopping; nothing was changed"); });
  const Disarm disarm{context.signals};
  const bool bar = !arguments.json && context.screen.redraws();
  TextReporter text(context.screen, !arguments.json);
  BarReporter progress(context.screen);
  Fanout events;
  events.add(text);
  if (bar) {
    events.add(progress);
  }
  const VerifyReport report = verify_job(arguments.options, events, stop);
  context.screen.clear_status();
  print_data(arguments.json ? json_line(verify_json(report)) + "\n"
                            : verify_text(report, arguments.options.directory.string(),
                                          arguments.options.source.has_value()));
  return report.ok ? ExitCode::done : ExitCode::differs;
}

}  // namespace

Verb add_verify(CLI::App& program) {
  const auto arguments = std::make_shared<VerifyArguments>();
  VerifyOptions& options = arguments->options;
  CLI::App* app = program.add_subcommand(
      "verify", "compare files with the manifest and the source, or the targets of a copy with it");
  app->add_option("DIR", options.directory, "the job's directory")->required()->type_name("");
  add_value(*app, "--source", "CONN",
            "also compare with the rows of this server (any libpq connection string)",
            [&options](const std::string& /*option*/, const std::string& text) {
              options.source = text;
            });
  add_targets(*app, options.targets);
  app->add_flag("--keys", options.keys,
                "of a copy: also the keys of rows that differ, 100 a chunk");
  app->add_flag("--json", arguments->json, "one JSON object instead of text");
  app->footer("Example:\n"
              "  pgstride verify orders --source dbname=shop\n"
              "Exits with 4 if there is a difference.");
  return {app, [arguments](Context& context) { return run_verify(*arguments, context); }};
}

}  // namespace pgstride::cli
