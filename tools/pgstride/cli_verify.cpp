#include <memory>

#include <fmt/format.h>

#include "human.hpp"
#include "json_output.hpp"
#include "option_groups.hpp"
#include "pgstride/job.hpp"
#include "reporters.hpp"
#include "verbs.hpp"

namespace pgstride::cli {

namespace {

struct VerifyArguments {
  VerifyOptions options;
  bool json = false;
};

std::string difference_text(const Difference& difference) {
  const std::string where =
      difference.chunk ? fmt::format("{} chunk {}", printable(difference.table), *difference.chunk)
                       : printable(difference.table);
  return fmt::format("{}: {}: expected {}, found {}\n", where, difference.what,
                     printable(difference.expected), printable(difference.found));
}

std::string report_text(const VerifyReport& report, bool with_source) {
  std::string out;
  std::int64_t chunks = 0;
  std::int64_t differing = 0;
  for (const VerifiedTable& table : report.tables) {
    for (const Difference& difference : table.differing) {
      out += difference_text(difference);
      ++differing;
    }
    chunks += table.chunks;
  }
  const std::string checked =
      fmt::format("{} in {} against the manifest{}", counted(chunks, "chunk"),
                  counted(static_cast<std::int64_t>(report.tables.size()), "table"),
                  with_source ? " and the source" : "");
  out += report.ok ? fmt::format("verified {}: no difference\n", checked)
                   : fmt::format("verified {}: {}\n", checked, counted(differing, "difference"));
  return out;
}

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
                            : report_text(report, arguments.options.source.has_value()));
  return report.ok ? ExitCode::done : ExitCode::differs;
}

}  // namespace

Verb add_verify(CLI::App& program) {
  const auto arguments = std::make_shared<VerifyArguments>();
  VerifyOptions& options = arguments->options;
  CLI::App* app = program.add_subcommand(
      "verify", "compare files with the manifest and, with --source, chunks with the source");
  app->add_option("DIR", options.directory, "the job's directory")->required()->type_name("");
  add_value(*app, "--source", "CONN",
            "also compare with the rows of this server (any libpq connection string)",
            [&options](const std::string& /*option*/, const std::string& text) {
              options.source = text;
            });
  app->add_flag("--json", arguments->json, "one JSON object instead of text");
  app->footer("Example:\n"
              "  pgstride verify orders --source dbname=shop\n"
              "Exits with 4 if there is a difference.");
  return {app, [arguments](Context& context) { return run_verify(*arguments, context); }};
}

}  // namespace pgstride::cli
