// The command line: parses it, runs the verb, and turns whatever happens into an exit code. Called
// once, before any other thread is there.
#pragma once

namespace pgstride::cli {

/// Never throws; prints what went wrong and returns an ExitCode.
int run(int argc, char** argv) noexcept;

}  // namespace pgstride::cli
