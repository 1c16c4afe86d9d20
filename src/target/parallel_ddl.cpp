#include "target/parallel_ddl.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace pgstride::target {

namespace {

using Clock = std::chrono::steady_clock;

class Pool {
 public:
  Pool(const pg::ConnectOptions& options, const std::vector<DdlWork>& works)
      : m_options(options), m_works(works) {}

  void run(int sessions, const std::function<void(const DdlDone&)>& done) {
    const auto count = std::min(static_cast<std::size_t>(std::max(sessions, 1)), m_works.size());
    m_running = count;
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([this] { serve(); });
    }
    try {
      while (auto result = next_result()) {
        done(*result);
      }
    } catch (...) {
      take_no_more();
      throw;
    }
    threads.clear();
    if (m_fatal) {
      throw *m_fatal;
    }
  }

 private:
  // A thread of a session.
  void serve() {
    std::optional<pg::Connection> connection;
    try {
      while (const auto index = next_work()) {
        if (!connection || !connection->usable()) {
          connection.emplace(m_options);
        }
        tell(work(*connection, *index));
      }
    } catch (const Error& error) {
      const std::lock_guard lock(m_mutex);
      m_fatal = m_fatal ? m_fatal : error;
    }
    const std::lock_guard lock(m_mutex);
    --m_running;
    m_changed.notify_one();
  }

  [[nodiscard]] DdlDone work(pg::Connection& connection, std::size_t index) const {
    const auto start = Clock::now();
    DdlDone done{.index = index, .seconds = 0, .error = {}};
    try {
      m_works[index](connection);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::stopped) {
        throw;
      }
      connection.abandon_transaction();
      done.error = error;
    }
    done.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return done;
  }

  std::optional<std::size_t> next_work() {
    const std::lock_guard lock(m_mutex);
    if (m_fatal || m_next == m_works.size()) {
      return std::nullopt;
    }
    return m_next++;
  }

  void take_no_more() {
    const std::lock_guard lock(m_mutex);
    m_next = m_works.size();
  }

  void tell(DdlDone done) {
    const std::lock_guard lock(m_mutex);
    m_results.push_back(std::move(done));
    m_changed.notify_one();
  }

  // None once all threads have ended and everything was told.
  std::optional<DdlDone> next_result() {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return !m_results.empty() || m_running == 0; });
    if (m_results.empty()) {
      return std::nullopt;
    }
    auto result = std::move(m_results.front());
    m_results.pop_front();
    return result;
  }

  const pg::ConnectOptions& m_options;
  const std::vector<DdlWork>& m_works;
  std::mutex m_mutex;  // guards all below
  std::condition_variable m_changed;
  std::size_t m_next = 0;
  std::size_t m_running = 0;
  std::deque<DdlDone> m_results;
  std::optional<Error> m_fatal;
};

}  // namespace

void run_parallel(const pg::ConnectOptions& options, int sessions,
                  const std::vector<DdlWork>& works,
                  const std::function<void(const DdlDone&)>& done) {
  Pool(options, works).run(sessions, done);
}

}  // namespace pgstride::target
