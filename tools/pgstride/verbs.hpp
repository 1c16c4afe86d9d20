// The verbs of the program: each function adds its subcommand and returns what runs it. One thread.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "pgstride/exit_code.hpp"
#include "screen.hpp"
#include "signals.hpp"

namespace pgstride::cli {

/// What verbs share.
struct Context {
  Signals& signals;
  Screen& screen;
};

struct Verb {
  CLI::App* app = nullptr;
  /// Called once, after the command line was parsed. Throws Error.
  std::function<ExitCode(Context&)> run;
};

Verb add_plan(CLI::App& program);
Verb add_export(CLI::App& program);
Verb add_copy(CLI::App& program);
Verb add_import(CLI::App& program);
Verb add_resume(CLI::App& program);
Verb add_pause(CLI::App& program);
Verb add_status(CLI::App& program);
Verb add_verify(CLI::App& program);
Verb add_handoff(CLI::App& program);
Verb add_clean(CLI::App& program);

}  // namespace pgstride::cli
