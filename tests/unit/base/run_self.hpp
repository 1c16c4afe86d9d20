// Runs one skipped test case of this test program in a process of its own. One thread.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace pgstride::test {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// Starts it with these variables set and returns its pid.
inline pid_t start_self(const std::string& test_case, const Environment& environment) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (const auto& [name, value] : environment) {
      ::setenv(name.c_str(), value.c_str(), 1);
    }
    const std::string filter = "--test-case=" + test_case;
    ::execl("/proc/self/exe", "unit_base", filter.c_str(), "--no-skip", "--minimal",
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  return pid;
}

/// Its wait status.
inline int wait_for(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

inline std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace pgstride::test
