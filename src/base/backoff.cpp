#include "base/backoff.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace pgstride {

Backoff::Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most)
    : m_first(std::min(first, most)), m_most(most), m_current(m_first) {}

std::chrono::milliseconds Backoff::next() {
  const auto whole = m_current;
  m_current = std::min(m_current * 2, m_most);
  std::uniform_int_distribution<std::chrono::milliseconds::rep> any(whole.count() / 2,
                                                                    whole.count());
  return std::chrono::milliseconds(any(m_random));
}

bool sleep_for(std::chrono::milliseconds duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace pgstride
