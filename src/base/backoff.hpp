// Exponential back-off with jitter. Belongs to one thread.
#pragma once

#include <chrono>
#include <random>
#include <stop_token>

namespace pgstride {

class Backoff {
 public:
  explicit Backoff(std::chrono::milliseconds first,
                   std::chrono::milliseconds most = std::chrono::minutes(1));
  /// The next wait: doubled each time up to the most, then between half of it and all of it at
  /// random.
  std::chrono::milliseconds next();
  void reset() { m_current = m_first; }

 private:
  std::chrono::milliseconds m_first;
  std::chrono::milliseconds m_most;
  std::chrono::milliseconds m_current;
  std::minstd_rand m_random{std::random_device{}()};
};

/// Sleeps, or returns false early when the token is triggered.
bool sleep_for(std::chrono::milliseconds duration, const std::stop_token& stop);

}  // namespace pgstride
