#include "signals.hpp"

#include <cstdlib>

#include <pthread.h>

namespace pgstride::cli {

namespace {

/// Wakes the signal thread to end.
constexpr int k_wake = SIGUSR1;

sigset_t awaited() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, k_wake);
  // Under nohup it is ignored and stays so; Linux would queue it all the same while it is blocked.
  struct sigaction hangup {};
  if (sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
    sigaddset(&set, SIGHUP);
  }
  return set;
}

ExitCode code_of(int signal) {
  return signal == SIGINT ? ExitCode::interrupted : ExitCode::paused;
}

}  // namespace

void block_signals() {
  const sigset_t set = awaited();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

Signals::Signals() : m_thread([this](const std::stop_token& end) { wait(end); }) {}

Signals::~Signals() {
  m_thread.request_stop();
  pthread_kill(m_thread.native_handle(), k_wake);
}

StopTokens Signals::arm(std::function<void(int)> say) {
  const std::scoped_lock lock(m_mutex);
  m_say = std::move(say);
  return {m_drain.get_token(), m_cancel.get_token()};
}

void Signals::disarm() {
  const std::scoped_lock lock(m_mutex);
  m_say = nullptr;
  m_ended = true;
}

std::optional<ExitCode> Signals::exit_code() const {
  const int first = m_first.load();
  return first == 0 ? std::nullopt : std::optional(code_of(first));
}

void Signals::wait(const std::stop_token& end) {
  const sigset_t set = awaited();
  for (;;) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0) {
      continue;
    }
    if (signal != k_wake) {
      handle(signal);
    } else if (end.stop_requested()) {
      return;
    }
  }
}

void Signals::handle(int signal) {
  const std::scoped_lock lock(m_mutex);
  if (m_ended) {
    return;
  }
  int none = 0;
  m_first.compare_exchange_strong(none, signal);
  ++m_requests;
  if (m_say) {
    m_say(m_requests);
  }
  if (!m_say || m_requests > 2) {
    // Nothing to lose: no job runs, or it is one that survives kill -9.
    std::_Exit(static_cast<int>(code_of(m_first.load())));
  }
  (m_requests == 1 ? m_drain : m_cancel).request_stop();
}

}  // namespace pgstride::cli
