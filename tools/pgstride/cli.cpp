#include "cli.hpp"

#include <algorithm>
#include <array>
#include <clocale>
#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "json_output.hpp"
#include "messages.hpp"
#include "pgstride/error.hpp"
#include "pgstride/version.hpp"
#include "secrets.hpp"
#include "verbs.hpp"

namespace pgstride::cli {

namespace {

using Arguments = std::vector<std::string>;

/// The arguments; their originals lose their passwords, which `ps` and job.lock would show.
Arguments take_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int at = 1; at < argc; ++at) {
    std::string argument = argv[at];
    // CLI11 2.1 takes `--name=` for a name without its value; parted, the empty value counts.
    const bool empty_value = argument.starts_with("--") && argument.size() > 3 &&
                             argument.find('=') == argument.size() - 1;
    if (empty_value) {
      argument.pop_back();
    }
    arguments.push_back(std::move(argument));
    if (empty_value) {
      arguments.emplace_back();
    }
    mask_secrets({argv[at], std::strlen(argv[at])});
  }
  return arguments;
}

/// Looked up before parsing, so that a bad command line is told as JSON too.
bool wants_json(const Arguments& arguments) {
  if (std::find(arguments.begin(), arguments.end(), "--json") != arguments.end()) {
    return true;
  }
  const auto named = std::find(arguments.begin(), arguments.end(), "--progress");
  return std::find(arguments.begin(), arguments.end(), "--progress=json") != arguments.end() ||
         (named != arguments.end() && std::next(named) != arguments.end() &&
          *std::next(named) == "json");
}

void check_verb(const Arguments& arguments, const std::vector<Verb>& verbs) {
  std::vector<std::string> names;
  for (const Verb& verb : verbs) {
    names.push_back(verb.app->get_name());
  }
  const std::string hint = fmt::format("verbs are {}; see pgstride --help", fmt::join(names, ", "));
  if (arguments.empty()) {
    throw Error(ErrorKind::usage, "no verb was given", hint);
  }
  const std::string& verb = arguments.front();
  if (verb.starts_with("-") || std::find(names.begin(), names.end(), verb) != names.end()) {
    return;
  }
  constexpr std::array k_later{"check", "report", "config"};
  const bool later = std::find(k_later.begin(), k_later.end(), verb) != k_later.end();
  throw Error(
      ErrorKind::usage,
      fmt::format("\"{}\" is not {}", without_secrets(verb), later ? "built yet" : "a verb"), hint);
}

/// CLI11's help, which parts groups by two empty lines.
std::string help_text(const CLI::App& program) {
  std::string help = program.help();
  for (std::size_t at = help.find("\n\n\n"); at != std::string::npos; at = help.find("\n\n\n")) {
    help.erase(at, 1);
  }
  return help;
}

/// CLI11's exceptions as ours; empty if the program goes on, else the exit code after --help.
std::optional<ExitCode> parse(CLI::App& program, Arguments arguments) {
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    program.parse(std::move(arguments));
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    print_data(help_text(program));
    return ExitCode::done;
  } catch (const CLI::CallForVersion& version) {
    print_data(std::string(version.what()) + "\n");
    return ExitCode::done;
  } catch (const CLI::ParseError& error) {
    std::string message = without_secrets(error.what());
    if (message.starts_with("The ")) {
      message.front() = 't';
    }
    throw Error(ErrorKind::usage, message);
  }
}

std::string help_command(const CLI::App& program) {
  const auto chosen = program.get_subcommands();
  return fmt::format("pgstride {}--help", chosen.empty() ? "" : chosen.front()->get_name() + " ");
}

ExitCode parse_and_run(const Arguments& arguments, Context& context) {
  CLI::App program{"Moves PostgreSQL tables in parallel chunks; resumes without losing a row.",
                   "pgstride"};
  program.set_version_flag("--version", fmt::format("pgstride {}", k_version));
  program.set_help_flag("-h,--help", "print this help");
  program.require_subcommand(0, 1);
  program.get_formatter()->column_width(34);
  program.footer(
      "Example:\n  pgstride export --source dbname=shop --out orders -t orders\n"
      "Exit codes: 0 done, 1 failed, 2 bad usage, 3 paused, 4 verify found differences,\n"
      "130 stopped by Ctrl-C. A job that is paused, failed or killed goes on with\n"
      "pgstride resume.");
  const std::vector<Verb> verbs{add_plan(program),   add_export(program), add_copy(program),
                                add_import(program), add_resume(program), add_pause(program),
                                add_status(program), add_verify(program), add_handoff(program),
                                add_clean(program)};
  check_verb(arguments, verbs);
  try {
    if (const auto code = parse(program, arguments)) {
      return *code;
    }
  } catch (Error& error) {
    if (error.kind() == ErrorKind::usage && error.hint().empty()) {
      error.with_hint(fmt::format("see {}", help_command(program)));
    }
    throw;
  }
  for (const Verb& verb : verbs) {
    if (verb.app->parsed()) {
      return verb.run(context);
    }
  }
  throw Error(ErrorKind::usage, "no verb was given", "see pgstride --help");
}

ExitCode code_of(const Error& error, const Signals& signals) {
  switch (error.kind()) {
  case ErrorKind::usage:
    return ExitCode::usage;
  case ErrorKind::stopped:
    return signals.exit_code().value_or(ExitCode::paused);
  default:
    return ExitCode::failed;
  }
}

ExitCode run_caught(const Arguments& arguments, Context& context) {
  const bool json = wants_json(arguments);
  try {
    return parse_and_run(arguments, context);
  } catch (const Error& error) {
    const ExitCode code = code_of(error, context.signals);
    context.screen.clear_status();
    context.screen.print(message_text(error));
    if (json) {
      print_json(exit_error_json(code, error));
    }
    return code;
  } catch (const std::exception& error) {
    context.screen.clear_status();
    context.screen.print(message_text("error", fmt::format("internal error: {}", error.what()),
                                      "a job can be gone on with: pgstride resume DIR"));
    if (json) {
      print_json(exit_error_json(ExitCode::failed, "internal", error.what(), ""));
    }
    return ExitCode::failed;
  }
}

}  // namespace

int run(int argc, char** argv) noexcept {
  block_signals();
  std::setlocale(LC_CTYPE, "");  // widths of characters; numbers stay as they are
  const Arguments arguments = take_arguments(argc, argv);
  Signals signals;
  Screen screen;
  Context context{signals, screen};
  return static_cast<int>(run_caught(arguments, context));
}

}  // namespace pgstride::cli
