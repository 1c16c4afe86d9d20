// Where workers read which sessions hold the job's snapshot. Written by the job's thread, read by
// all: every call takes the board's mutex.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "pgstride/lsn.hpp"

namespace pgstride::transfer {

class SnapshotBoard {
 public:
  SnapshotBoard(std::string text, Lsn lsn) : m_text(std::move(text)), m_lsn(lsn) {}

  [[nodiscard]] const std::string& text() const { return m_text; }  ///< never changes
  [[nodiscard]] Lsn lsn() const { return m_lsn; }                   ///< never changes

  void set_ids(std::vector<std::string> ids) {
    const std::scoped_lock lock(m_mutex);
    m_ids = std::move(ids);
  }
  [[nodiscard]] std::vector<std::string> ids() const {
    const std::scoped_lock lock(m_mutex);
    return m_ids;
  }
  /// The snapshot can't be had any more: workers stop trying.
  void set_lost() { set_ids({}); }
  [[nodiscard]] bool lost() const { return ids().empty(); }

 private:
  const std::string m_text;
  const Lsn m_lsn;
  mutable std::mutex m_mutex;
  std::vector<std::string> m_ids;
};

}  // namespace pgstride::transfer
