// Holds all workers together to so many bytes a second. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>

namespace pgstride::transfer {

class RateLimiter {
 public:
  /// None: no limit.
  explicit RateLimiter(std::optional<std::int64_t> bytes_per_second);
  /// Waits until `bytes` may pass; returns early when the token is triggered.
  void pass(std::int64_t bytes, const std::stop_token& stop);

 private:
  using Clock = std::chrono::steady_clock;
  std::optional<std::int64_t> m_rate;
  std::mutex m_mutex;
  Clock::time_point m_free_at{};  ///< when what has passed so far is paid for
};

}  // namespace pgstride::transfer
