// A resume of a job with a slot under a new snapshot, exact all the same (correctness.md, 3): what
// has changed between the snapshots is redone, what has not holds at the new one too. Uses the
// job's thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "handoff/snapshot.hpp"
#include "job/dirty_chunks.hpp"
#include "job/identity_step.hpp"
#include "job/job.hpp"
#include "pg/replication.hpp"

namespace pgstride::job {

/// True if what is done goes on to hold under the next snapshot that way: the job has a slot, is
/// exact, and is not asked to be fuzzy.
bool resumes_exactly(Job& job);

/// Throws Error (snapshot) where the job's slot can't tell any more what has changed.
void check_slot_usable(Job& job);

/// The smallest position at which a delivery holds; none if nothing is done.
std::optional<Lsn> smallest_valid(Job& job);

/// How the job's tables stand in its private publication now, by table id.
std::map<std::int64_t, std::string> memberships_now(Job& job);

class ExactResume {
 public:
  explicit ExactResume(Job& job) : m_job(job) {}

  /// With the locks held: brings the publications in line and makes a temporary slot, whose
  /// snapshot is the next one. Throws Error: lock, server, stopped.
  pg::ExportingSlot make_temporary_slot(const handoff::Waiting& waiting);

  /// Once the snapshot is held: reads what has changed up to it. Nothing is stored. Throws Error:
  /// snapshot where the slot can't tell; server, connection, stopped.
  void find_dirty(const handoff::Snapshot& snapshot);

  /// Stores what find_dirty() found, in the caller's batch: what is dirty is planned again, the
  /// rest holds under the snapshot.
  void store();

 private:
  void read_changes(DirtyChunks& dirty, Lsn start, Lsn end);
  void give_up_whole(const checkpoint::TableRecord& record, DirtyTable& dirty);
  std::int64_t redo(const checkpoint::TableRecord& record, const DirtyTable& dirty);

  Job& m_job;
  std::map<std::int64_t, std::string> m_memberships;  ///< as they were before the snapshot
  std::vector<OpenTable> m_tables;
  std::map<std::int64_t, DirtyTable> m_dirty;  ///< by table
  handoff::Snapshot m_snapshot;
};

}  // namespace pgstride::job
