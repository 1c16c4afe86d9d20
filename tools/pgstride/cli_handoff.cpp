#include <memory>

#include <fmt/format.h>

#include "json_output.hpp"
#include "option_groups.hpp"
#include "pgstride/error.hpp"
#include "pgstride/handoff.hpp"
#include "reporters.hpp"
#include "values.hpp"
#include "verbs.hpp"

namespace pgstride::cli {

namespace {

struct HandoffArguments {
  HandoffOptions options;
  bool named = false;
};

ExitCode run_handoff(const HandoffArguments& arguments, Context& context) {
  if (!arguments.named) {
    throw Error(ErrorKind::usage, "handoff needs to know the consumer",
                "name it with --to debezium, subscription, starrocks or json");
  }
  const StopTokens stop = context.signals.arm([&](int /*request*/) {
    context.screen.print("pgstride: stopping; handoff may be repeated");
  });
  const Disarm disarm{context.signals};
  TextReporter events(context.screen, true);
  for (const auto& done : hand_off(arguments.options, print_data, events, stop)) {
    context.screen.print(
        fmt::format("pgstride: target {} (database \"{}\"): subscription \"{}\" follows the source "
                    "by slot \"{}\"; it has caught up to {}, {} bytes behind now",
                    done.target, done.database, done.subscription, done.slot,
                    done.caught_up_to.text(), done.lag_bytes));
  }
  return ExitCode::done;
}

}  // namespace

Verb add_handoff(CLI::App& program) {
  const auto arguments = std::make_shared<HandoffArguments>();
  HandoffOptions& options = arguments->options;
  CLI::App* app = program.add_subcommand(
      "handoff", "print what the consumer of the changes after a job's rows needs, or make it");
  app->add_option("DIR", options.directory, "the job's directory")->required()->type_name("");
  add_value(*app, "--to", "CONSUMER", "debezium, subscription, starrocks or json",
            [arguments = arguments.get()](const std::string& option, const std::string& text) {
              arguments->options.consumer =
                  parse_choice<Consumer>(option, text,
                                         {{"debezium", Consumer::debezium},
                                          {"subscription", Consumer::subscription},
                                          {"starrocks", Consumer::starrocks},
                                          {"json", Consumer::json}});
              arguments->named = true;
            });
  app->add_flag("--create", options.create,
                "of a subscription: make it on each target and wait until it has caught up");
  add_source(*app, [&options](const std::string& text) { options.source = text; });
  add_targets(*app, options.targets);
  app->footer("Example:\n  pgstride handoff move --to subscription --create");
  return {app, [arguments](Context& context) { return run_handoff(*arguments, context); }};
}

}  // namespace pgstride::cli
