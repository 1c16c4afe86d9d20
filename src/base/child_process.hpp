// Runs another program to its end, without a shell. The child dies with this process and with the
// calling thread. Any thread.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

namespace pgstride {

struct ChildEnd {
  int exit_code = -1;  ///< -1 if a signal ended it
  int signal = 0;
  std::string out;  ///< all of stdout, then of stderr
  std::string err;
};

struct ChildStart {
  std::vector<std::string> argv;         ///< argv[0] is a path: nothing is searched
  std::vector<std::string> environment;  ///< all of it, `NAME=value` each
};

/// Waits for the end; stdin is /dev/null. When the token is triggered the child gets SIGTERM, ten
/// seconds later SIGKILL. Throws Error: io, if it can't be started; stopped.
ChildEnd run_child(const ChildStart& start, const std::stop_token& stop);

/// This process's environment, without the variables of these names.
std::vector<std::string> environment_without(const std::vector<std::string>& names);

}  // namespace pgstride
