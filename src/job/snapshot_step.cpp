#include "job/snapshot_step.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "handoff/table_locks.hpp"
#include "job/directory.hpp"
#include "job/exact_step.hpp"
#include "job/identity_step.hpp"
#include "job/older_chunks.hpp"
#include "job/slot_step.hpp"

namespace pgstride::job {

namespace {

using Clock = std::chrono::steady_clock;
using handoff::SnapshotHolders;

constexpr std::chrono::milliseconds k_first_wait{100};
constexpr std::chrono::milliseconds k_longest_wait{1000};
constexpr std::chrono::seconds k_tell_every{5};
constexpr int k_most_changes = 20;  // tables that change each time we look: somebody is at work

std::vector<handoff::LockTarget> targets_of(const std::vector<OpenTable>& tables) {
  std::vector<handoff::LockTarget> targets;
  targets.reserve(tables.size());
  for (const auto& open : tables) {
    targets.push_back(handoff::lock_target(open.record.table));
  }
  return targets;
}

handoff::Snapshot recorded_snapshot(const checkpoint::JobRecord& record) {
  return {record.snapshot_lsn, record.end_lsn, record.snapshot};
}

// Waits for locks that others have, telling who, until --lock-timeout is over.
class LockPatience {
 public:
  explicit LockPatience(Job& job)
      : m_job(job), m_until(Clock::now() + job.run.lock_timeout),
        m_backoff(k_first_wait, k_longest_wait) {}

  [[nodiscard]] bool over() const { return Clock::now() >= m_until; }
  /// After a wait for something else than locks.
  void begin_again() { m_until = Clock::now() + m_job.run.lock_timeout; }

  void wait(const std::vector<std::string>& blockers) {
    if (!blockers.empty() && blockers != m_told) {
      m_job.warn("waiting for a table lock: " + blockers.front(),
                 "end that session or let it finish");
      m_told = blockers;
    }
    if (!sleep_for(m_backoff.next(), m_job.stop.drain)) {
      throw Error(ErrorKind::stopped, "stopped while waiting for a table lock");
    }
  }

 private:
  Job& m_job;
  Clock::time_point m_until;
  Backoff m_backoff;
  std::vector<std::string> m_told;
};

std::vector<std::string> blockers_of(Job& job, const std::vector<OpenTable>& tables) {
  std::vector<std::uint32_t> oids;
  oids.reserve(tables.size());
  for (const auto& open : tables) {
    oids.push_back(open.record.table.oid);
  }
  auto session = job.connect("locks-info");
  return handoff::lock_blockers(session, oids);
}

// What could not be locked in time, or at all, fails; the other tables go on. A table that is gone
// is left to the comparison, which knows whether it was a leaf. True if any table failed.
bool give_up_tables(Job& job, const std::vector<OpenTable>& tables,
                    const std::vector<handoff::LockFailure>& failures, bool patience_over,
                    const std::vector<std::string>& blockers) {
  bool failed = false;
  for (const auto& failure : failures) {
    const auto& record = tables[failure.index].record;
    const bool gone = failure.error.sqlstate() == "42P01" || failure.error.sqlstate() == "3F000";
    if (gone || (failure.error.kind() == ErrorKind::lock && !patience_over)) {
      continue;
    }
    fail_table(job, record,
               fmt::format("table {}: {}{}", record.table.leaf_display_name(), failure.error.what(),
                           blockers.empty() ? "" : "; " + blockers.front()));
    failed = true;
  }
  return failed;
}

// Waits for older transactions, telling so; but one of them may itself be waiting for the job's
// locks, as may a migration, with the application behind it: then the locks are let go.
handoff::Waiting yielding(Job& job, const std::vector<OpenTable>& tables, bool& yielded) {
  return [&job, &tables, &yielded, tell = job.waiting(), tell_at = Clock::now() + k_tell_every](
             const std::string& message, const std::string& hint) mutable {
    if (Clock::now() >= tell_at) {
      tell(message, hint);
      tell_at = Clock::now() + k_tell_every;
    }
    if (const auto awaiting = blockers_of(job, tables); !awaiting.empty()) {
      yielded = true;
      throw Error(ErrorKind::lock,
                  "others await a table lock while the job waits for older transactions: " +
                      awaiting.front());
    }
  };
}

SnapshotHolders take_snapshot(Job& job, const std::vector<OpenTable>& tables,
                              std::optional<ExactResume>& exact, bool& yielded) {
  auto targets = targets_of(tables);
  const auto waiting = yielding(job, tables, yielded);
  if (!exact && !needs_new_slot(job)) {
    if (job.slot) {
      make_publications(job);
      job.memberships = memberships_now(job);
    }
    return SnapshotHolders::take(job.connector(), std::move(targets), waiting);
  }
  const auto slot = exact ? exact->make_temporary_slot(waiting) : make_slot(job, waiting);
  return SnapshotHolders::take_exported(job.connector(), std::move(targets), slot.snapshot_id(),
                                        slot.consistent_point(), waiting);
}

// Locks what is left, or all that is to go on to hold, compares it with the plan, and takes a
// snapshot under the locks. The comparison comes once more after the snapshot: a partition can be
// attached while the guard waits, and no lock of ours keeps it away.
std::optional<SnapshotHolders> take_new(Job& job, std::optional<ExactResume>& exact) {
  LockPatience patience(job);
  std::vector<Redo> redos;
  const auto compared = exact ? Compared::all : Compared::with_work_left;
  for (int changes = 0; changes <= k_most_changes;) {
    if (!exact) {
      settle_old_chunks(job, redos);
    }
    const auto tables = exact ? kept_tables(job) : open_tables(job);
    if (tables.empty()) {
      return std::nullopt;
    }
    auto locker = job.connect("locks");
    locker.exec("BEGIN ISOLATION LEVEL READ COMMITTED");
    const auto failures = handoff::lock_tables(locker, targets_of(tables));
    const bool contended = std::any_of(failures.begin(), failures.end(), [](const auto& failure) {
      return failure.error.kind() == ErrorKind::lock;
    });
    const auto blockers = contended ? blockers_of(job, tables) : std::vector<std::string>{};
    if (give_up_tables(job, tables, failures, patience.over(), blockers)) {
      continue;
    }
    if (contended) {
      locker.abandon_transaction();
      patience.wait(blockers);
      continue;
    }
    crash_point("locks_taken");
    if (reconcile_tables(job, locker, compared)) {
      ++changes;
      continue;
    }
    tell_redos(job, redos);
    bool yielded = false;
    try {
      auto holders = take_snapshot(job, tables, exact, yielded);
      if (!reconcile_tables(job, locker, compared)) {
        return holders;
      }
      ++changes;
      continue;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::lock || (patience.over() && !yielded)) {
        throw;
      }
    }
    // Someone queued for a stronger lock between ours and the holders', or while older transactions
    // were waited for: let it pass, then begin again.
    if (yielded) {
      patience.begin_again();
    }
    locker.abandon_transaction();
    patience.wait(blockers_of(job, tables));
  }
  throw Error(ErrorKind::lock, "tables change faster than they can be locked",
              "wait until the schema is at rest");
}

void record_snapshot(Job& job, const SnapshotHolders& holders) {
  const auto& snapshot = holders.snapshot();
  job.record.snapshot = snapshot.text;
  job.record.snapshot_lsn = snapshot.lsn;
  job.record.end_lsn = std::max(job.record.end_lsn, snapshot.end_lsn);
  job.record.holders = handoff::to_text(holders.holders());
}

// The job is of this snapshot alone.
void begin_at(Job& job, const handoff::Snapshot& snapshot) {
  job.record.consistency = "exact";
  job.record.start_lsn = snapshot.lsn;
  job.record.end_lsn = snapshot.end_lsn;
  job.record.first_snapshot = snapshot.text;
}

void go_on_fuzzily(Job& job, const handoff::Snapshot& snapshot) {
  if (job.record.consistency != "fuzzy") {
    job.warn("the job is fuzzy from here on: the snapshot of the finished chunks is gone",
             "`pgstride status` says what that promises; `pause --hold` keeps a snapshot");
  }
  job.record.consistency = "fuzzy";
  // A standby may lag behind where the first snapshot was taken: changes are needed from there on.
  job.record.start_lsn = std::min(job.record.start_lsn, snapshot.lsn);
}

// Tables of which nothing is kept are told from here on.
void add_memberships(Job& job, const std::vector<checkpoint::TableTotals>& totals) {
  if (!job.slot) {
    return;
  }
  auto memberships = job.store->memberships();
  for (const auto& sum : totals) {
    const auto now = job.memberships.find(sum.table_id);
    if (sum.done == 0 && now != job.memberships.end()) {
      memberships[sum.table_id] = now->second;
    }
  }
  job.store->put_memberships(memberships);
}

// Asked to be fuzzy, what holds as of an older position than the job's is not redone: the job's
// goes back to it, as changes are needed from there on.
void fall_behind(Job& job) {
  const bool fuzzy = job.record.consistency == "fuzzy" || job.run.consistency == Consistency::fuzzy;
  const auto oldest = job.slot && fuzzy ? smallest_valid(job) : std::nullopt;
  if (!oldest || *oldest >= job.record.start_lsn) {
    return;
  }
  if (job.record.consistency != "fuzzy") {
    job.warn("the job is fuzzy from here on: what changed in some finished chunks is not redone",
             "`pgstride status` says what that promises");
  }
  job.record.consistency = "fuzzy";
  job.record.start_lsn = *oldest;
  job.save();
}

// What has changed and the snapshot under which it is read again are stored in one step.
void record_new_snapshot(Job& job, const SnapshotHolders& holders,
                         std::optional<ExactResume>& exact) {
  job.older_chunks = false;
  const auto& snapshot = holders.snapshot();
  const auto batch = job.store->batch();
  const auto totals = job.store->totals();
  const bool mixed =
      std::any_of(totals.begin(), totals.end(), [](const auto& sum) { return sum.done > 0; });
  if (exact) {
    exact->store();
    begin_at(job, snapshot);
  } else if (mixed) {
    go_on_fuzzily(job, snapshot);
    add_memberships(job, totals);
  } else {
    begin_at(job, snapshot);
    job.store->put_memberships(job.memberships);
  }
  record_snapshot(job, holders);
  job.save();
  job.note("snapshot", fmt::format("snapshot {} at {}, {}", snapshot.text, snapshot.lsn.text(),
                                   job.record.consistency));
  batch->commit();
  crash_point("snapshot_taken");
}

// A snapshot whose holders live goes on; a lock that somebody awaits is waited for.
std::optional<SnapshotHolders> adopt_held(Job& job, const std::vector<OpenTable>& tables) {
  if (job.older_chunks) {
    return std::nullopt;
  }
  auto former = handoff::parse_holders(job.record.holders);
  for (auto& holder : handoff::parse_holders(held_by_other_process(job.directory))) {
    former.push_back(std::move(holder));
  }
  if (former.empty()) {
    return std::nullopt;
  }
  LockPatience patience(job);
  for (;;) {
    try {
      return SnapshotHolders::adopt(
          job.connector(), targets_of(tables), recorded_snapshot(job.record), former,
          patience.over() ? handoff::Locking::those_free : handoff::Locking::wait_for_others);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::lock) {
        throw;
      }
    }
    patience.wait(blockers_of(job, tables));
  }
}

}  // namespace

std::optional<SnapshotHolders> hold_snapshot(Job& job) {
  fall_behind(job);
  std::optional<ExactResume> exact;
  if (resumes_exactly(job)) {
    exact.emplace(job);
  }
  // A table that was failing when the others were brought to the snapshot holds as of an older one.
  const bool behind =
      exact && smallest_valid(job).value_or(job.record.snapshot_lsn) < job.record.snapshot_lsn;
  const auto tables = open_tables(job);
  if (tables.empty() && !(exact && (job.refresh || behind))) {
    return std::nullopt;
  }
  if (auto held = job.refresh || behind ? std::nullopt : adopt_held(job, tables)) {
    record_snapshot(job, *held);
    job.save();
    job.events->info("the snapshot is still held: going on under it");
    job.note("snapshot", "the held snapshot was taken over");
    return held;
  }
  refuse_handed_over(job);
  if (exact) {
    check_slot_usable(job);
  }
  auto holders = take_new(job, exact);
  if (holders) {
    if (exact) {
      exact->find_dirty(holders->snapshot());
    }
    record_new_snapshot(job, *holders, exact);
    job.refresh = false;
  }
  return holders;
}

}  // namespace pgstride::job
