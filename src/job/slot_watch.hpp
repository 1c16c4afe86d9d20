// How the job's slot fares at the source: WAL that it holds, and whether it can still be handed
// over. Uses the job's thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "handoff/slot.hpp"
#include "job/job.hpp"
#include "pg/connection.hpp"

namespace pgstride::job {

/// Looks at the slot every few seconds while workers read.
class SlotWatch {
 public:
  explicit SlotWatch(Job& job) : m_job(job) {}

  /// Warns, once each, at half of max_slot_wal_keep_size and when the server may drop the slot's
  /// WAL at any moment. Throws Error (server) once it is lost, or read by others: nothing can be
  /// handed over then. A
  /// source that can't be asked is asked again.
  void look();

 private:
  void tell(const std::string& wal_status, std::int64_t held, std::optional<std::int64_t> limit);

  Job& m_job;
  std::optional<pg::Connection> m_session;
  std::chrono::steady_clock::time_point m_next{};
  bool m_told_half = false;
  bool m_told_unreserved = false;
};

/// Throws Error (server) if the slot was dropped, or its WAL removed, or another one has its name.
void check_slot_alive(const Job& job, const std::optional<handoff::SlotFacts>& found);

/// Before the job is called done: throws Error (server) unless its slot is there with all of its
/// WAL, not about to lose it, and nobody has read from it.
void confirm_slot(Job& job);

/// Of a job that ends unfinished: tells that its slot still holds WAL, how much, and what drops it.
void tell_held_wal(Job& job);

}  // namespace pgstride::job
