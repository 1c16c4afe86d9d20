// Runs other programs: the program under test (PGSTRIDE_PROGRAM) and PostgreSQL's own. A child is
// killed with the test. One thread per object.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace pgstride::test {

using Arguments = std::vector<std::string>;
/// Added to this program's own environment; an empty value removes the variable.
using Environment = std::map<std::string, std::string>;

struct Ended {
  std::optional<int> code;  ///< exit code, if it exited
  int signal = 0;           ///< or the signal that killed it
  std::string out;
  std::string err;
  long peak_kb = 0;  ///< highest resident size (VmHWM) it ever had
  /// `exit 3` or `signal 9`, and what was written: for a failing CHECK.
  [[nodiscard]] std::string text() const;
};

/// A running child whose output goes to files, so that it never blocks on us.
class Process {
 public:
  /// argv[0] is looked for in PATH.
  explicit Process(const Arguments& argv, const Environment& environment = {},
                   const std::string& input = {});
  /// Kills it if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void kill(int signal) const;
  [[nodiscard]] pid_t pid() const { return m_pid; }
  /// True once it has ended; waits no longer than `limit`.
  bool ends_within(std::chrono::milliseconds limit);
  /// The end of it; past the limit it is killed with SIGABRT and an exception says so.
  Ended wait(std::chrono::seconds limit = std::chrono::seconds(120));
  [[nodiscard]] std::string out_so_far() const { return read_text(m_dir / "out"); }
  [[nodiscard]] std::string err_so_far() const { return read_text(m_dir / "err"); }

 private:
  TempDir m_dir;
  std::string m_name;
  pid_t m_pid = -1;
  int m_pidfd = -1;
  std::optional<int> m_status;
  long m_peak_kb = 0;
};

Ended run(const Arguments& argv, const Environment& environment = {},
          std::chrono::seconds limit = std::chrono::seconds(120));
/// Runs and throws with the output unless it exits with 0; gives stdout.
std::string run_or_throw(const Arguments& argv, const Environment& environment = {});

/// The program under test with these arguments.
Arguments program(Arguments arguments);

/// Asks again and again until it is true; false past the limit. For things outside our reach, such
/// as the state of another process, that can't be waited for otherwise.
template <typename Condition>
bool eventually(Condition condition, std::chrono::seconds limit = std::chrono::seconds(30));
void pause_briefly();

template <typename Condition> bool eventually(Condition condition, std::chrono::seconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    pause_briefly();
  }
  return true;
}

}  // namespace pgstride::test
