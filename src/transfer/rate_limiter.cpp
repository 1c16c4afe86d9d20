#include "transfer/rate_limiter.hpp"

#include <algorithm>

#include "base/backoff.hpp"

namespace pgstride::transfer {

RateLimiter::RateLimiter(std::optional<std::int64_t> bytes_per_second) : m_rate(bytes_per_second) {}

void RateLimiter::pass(std::int64_t bytes, const std::stop_token& stop) {
  if (!m_rate) {
    return;
  }
  Clock::time_point mine;
  {
    const std::scoped_lock lock(m_mutex);
    mine = std::max(m_free_at, Clock::now());
    m_free_at = mine + std::chrono::microseconds(bytes * 1'000'000 / *m_rate);
  }
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(mine - Clock::now());
  if (wait.count() > 0) {
    sleep_for(wait, stop);
  }
}

}  // namespace pgstride::transfer
