// How many rows a job may reject, all its chunks, targets and runs together (--reject-limit). Any
// thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace pgstride::transfer {

class RejectBudget {
 public:
  /// `used`: by the chunks that are done. Without a limit rows are counted only.
  RejectBudget(std::optional<std::int64_t> limit, std::int64_t used)
      : m_limit(limit), m_used(used) {}

  [[nodiscard]] const std::optional<std::int64_t>& limit() const { return m_limit; }

  /// So many rows of a chunk are rejected by a target now, instead of what was set before. False,
  /// and as before, if that is over the limit. A chunk whose commit is in doubt keeps its share
  /// until its next attempt knows.
  bool set(std::int64_t chunk, std::int64_t target, std::int64_t rows) {
    const std::scoped_lock lock(m_mutex);
    const auto found = m_shares.find({chunk, target});
    const auto share = found == m_shares.end() ? 0 : found->second;
    const auto used = m_used + rows - share;
    if (rows > share && m_limit && used > *m_limit) {
      return false;
    }
    m_used = used;
    if (rows > 0) {
      m_shares[{chunk, target}] = rows;
    } else if (found != m_shares.end()) {
      m_shares.erase(found);
    }
    return true;
  }

 private:
  std::mutex m_mutex;
  const std::optional<std::int64_t> m_limit;
  std::int64_t m_used;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> m_shares;
};

}  // namespace pgstride::transfer
