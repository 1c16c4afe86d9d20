// Signals as stop requests (design.md, Threads): SIGINT, SIGTERM and SIGHUP are blocked in every
// thread and awaited by one of its own, since stop_source::request_stop is not signal-safe.
// Until a job is armed, a signal leaves the program at once. Any thread may call.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "pgstride/exit_code.hpp"
#include "pgstride/stop.hpp"

namespace pgstride::cli {

/// Blocks the signals in this thread and those it starts; call before any other thread is there.
/// SIGPIPE is ignored: a write says so itself.
void block_signals();

class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// From now on the first signal asks the job to drain, the second to cancel; a third leaves at
  /// once, which no job minds. `say` is told the number of the request (1, 2, 3) on the signal
  /// thread.
  StopTokens arm(std::function<void(int request)> say);

  /// The job has ended: `say` is not called any more, and what comes now changes nothing.
  void disarm();

  /// The exit code of the first signal: interrupted for SIGINT, paused for the others; none if no
  /// signal came.
  [[nodiscard]] std::optional<ExitCode> exit_code() const;

 private:
  void wait(const std::stop_token& end);
  void handle(int signal);

  std::stop_source m_drain;
  std::stop_source m_cancel;
  std::atomic<int> m_first{0};  ///< the first signal, 0 if none came
  std::mutex m_mutex;
  std::function<void(int)> m_say;  ///< guarded by m_mutex
  bool m_ended = false;            ///< disarmed, guarded by m_mutex
  int m_requests = 0;              ///< of the signal thread alone
  std::jthread m_thread;           ///< last: it uses the members above
};

/// Disarms at the end of a scope.
struct Disarm {
  explicit Disarm(Signals& of) : signals(of) {}
  ~Disarm() { signals.disarm(); }
  Disarm(const Disarm&) = delete;
  Disarm& operator=(const Disarm&) = delete;
  Signals& signals;
};

}  // namespace pgstride::cli
