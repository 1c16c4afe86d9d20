#include "job/snapshot_step.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "handoff/table_locks.hpp"
#include "job/directory.hpp"
#include "job/identity_step.hpp"
#include "job/load_plan.hpp"
#include "job/slot_step.hpp"

namespace pgstride::job {

namespace {

using Clock = std::chrono::steady_clock;
using handoff::SnapshotHolders;

constexpr std::chrono::milliseconds k_first_wait{100};
constexpr std::chrono::milliseconds k_longest_wait{1000};
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

/// The leaves of one parent with what is done of them on each target: rows move between partitions,
/// so they stand and fall together. What one target has of a table does not concern another.
struct Parent {
  struct Done {
    std::int64_t chunks = 0;
    std::int64_t done = 0;
    [[nodiscard]] bool partly() const { return done > 0 && done < chunks; }
  };
  std::vector<checkpoint::TableRecord> leaves;
  std::map<std::int64_t, Done> targets;
  bool by_primary_key = true;

  [[nodiscard]] bool any_partly() const {
    return std::any_of(targets.begin(), targets.end(),
                       [](const auto& target) { return target.second.partly(); });
  }
};

std::map<std::string, Parent> partly_done_parents(Job& job) {
  std::map<std::int64_t, std::vector<checkpoint::TableTotals>> totals;
  for (auto& sum : job.store->totals_of_targets()) {
    totals[sum.table_id].push_back(std::move(sum));
  }
  std::map<std::string, Parent> parents;
  for (auto& record : job.store->tables()) {
    if (record.state == "removed") {
      continue;
    }
    const auto& table = record.table;
    auto& parent = parents[table.display_name()];
    for (const auto& sum : totals[table.id]) {
      parent.targets[sum.target_id].chunks += sum.chunks;
      parent.targets[sum.target_id].done += sum.done;
    }
    parent.by_primary_key =
        parent.by_primary_key && ((table.split == Split::key && table.key && table.key->primary) ||
                                  totals[table.id].empty());
    parent.leaves.push_back(std::move(record));
  }
  std::erase_if(parents, [](const auto& entry) { return !entry.second.any_partly(); });
  return parents;
}

/// What is to be told once the table's lock shows that it is still there.
struct Redo {
  std::string table;
  std::string message;
  std::string hint;
};

// A target that can't take a table again whole, or nothing.
std::optional<std::int64_t> full_target(const Job& job, const Parent& parent) {
  for (const auto& target : job.targets) {
    const auto done = parent.targets.find(target.record.id);
    if (done != parent.targets.end() && done->second.partly() &&
        target.full.contains(table_key(parent.leaves.front().table))) {
      return target.record.id;
    }
  }
  return std::nullopt;
}

// What was copied of a table under a snapshot that is gone: kept, or copied again whole to the
// targets that lack some of it.
void keep_or_redo(Job& job, const std::string& name, Parent& parent, std::vector<Redo>& redos) {
  const bool keep = parent.by_primary_key || job.run.consistency == Consistency::fuzzy;
  const std::string why =
      "the snapshot is gone and the table is not split by its primary key, so rows may have moved "
      "between what is read and what is not";
  if (const auto full = keep ? std::nullopt : full_target(job, parent)) {
    for (const auto& record : parent.leaves) {
      if (record.state != "failed" || !job.set_aside.contains({record.table.id, 0})) {
        fail_table(
            job, record,
            fmt::format("table {} can't be copied again whole, as target {} held rows before "
                        "the job; {}; --consistency fuzzy keeps what is loaded and goes on",
                        name, *full, why));
      }
    }
    return;
  }
  const bool done_elsewhere =
      std::any_of(parent.targets.begin(), parent.targets.end(), [](const auto& target) {
        return target.second.done > 0 && !target.second.partly();
      });
  std::int64_t redone = 0;
  for (auto& record : parent.leaves) {
    if (!keep) {
      for (const auto& [target, done] : parent.targets) {
        redone += done.partly() ? job.store->redo_table(record.table.id, target, why) : 0;
      }
      if (record.state == "failed") {
        job.set_aside_failed();  // not in this run
      } else {
        record.state = "planned";
      }
    }
    if (keep) {
      record.consistency = "fuzzy";
    } else if (!done_elsewhere) {
      record.consistency.clear();
    }
    job.store->put_table(record);
  }
  if (!keep) {
    redos.push_back(
        {name, fmt::format("table {} is {} again whole: {}", name, transferred(job), why),
         fmt::format("{} finished chunks are redone; --consistency fuzzy would keep them",
                     redone)});
    job.note("redo", redos.back().message);
  }
}

// A table that turned out to be gone is told as failed, not as exported again.
void tell_redos(Job& job, std::vector<Redo>& redos) {
  const auto records = redos.empty() ? std::vector<checkpoint::TableRecord>{} : job.store->tables();
  for (const auto& redo : redos) {
    const bool goes_on = std::any_of(records.begin(), records.end(), [&](const auto& record) {
      return record.table.display_name() == redo.table && record.state == "planned";
    });
    if (goes_on) {
      job.events->warning(redo.message, redo.hint);
    }
  }
  redos.clear();
}

// Every table that is partly done, also those that failed: never may chunks of two snapshots meet
// in a table unless that is allowed (correctness.md, 3). True if anything of an older snapshot
// stays.
void settle_old_chunks(Job& job, std::vector<Redo>& redos) {
  const auto batch = job.store->batch();
  for (auto& [name, parent] : partly_done_parents(job)) {
    keep_or_redo(job, name, parent, redos);
  }
  const auto after = job.store->totals();
  const bool mixed =
      std::any_of(after.begin(), after.end(), [](const auto& sum) { return sum.done > 0; });
  if (mixed && job.run.consistency == Consistency::exact) {
    throw Error(
        ErrorKind::snapshot,
        "--consistency exact can't be kept: the snapshot that the finished chunks were read "
        "under is gone, and no slot tells what changed since",
        "go on with --consistency auto, or begin again with --restart");
  }
  batch->commit();
}

SnapshotHolders take_snapshot(Job& job, std::vector<handoff::LockTarget> targets) {
  if (!needs_new_slot(job)) {
    if (job.slot) {
      make_publications(job);
    }
    return SnapshotHolders::take(job.connector(), std::move(targets), job.waiting());
  }
  const auto slot = make_slot(job);
  return SnapshotHolders::take_exported(job.connector(), std::move(targets), slot.snapshot_id(),
                                        slot.consistent_point(), job.waiting());
}

// Locks what is left, compares it with the plan, and takes a snapshot under the locks. The
// comparison comes once more after the snapshot: a partition can be attached while the guard waits,
// and no lock of ours keeps it away.
std::optional<SnapshotHolders> take_new(Job& job) {
  LockPatience patience(job);
  std::vector<Redo> redos;
  for (int changes = 0; changes <= k_most_changes;) {
    settle_old_chunks(job, redos);
    const auto tables = open_tables(job);
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
    if (reconcile_tables(job, locker)) {
      ++changes;
      continue;
    }
    tell_redos(job, redos);
    try {
      auto holders = take_snapshot(job, targets_of(tables));
      if (!reconcile_tables(job, locker)) {
        return holders;
      }
      ++changes;
      continue;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::lock || patience.over()) {
        throw;
      }
    }
    // Someone queued for a stronger lock between ours and the holders': let it pass, then begin
    // again.
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

void record_new_snapshot(Job& job, const SnapshotHolders& holders) {
  job.older_chunks = false;
  const auto batch = job.store->batch();
  const auto totals = job.store->totals();
  const bool mixed =
      std::any_of(totals.begin(), totals.end(), [](const auto& sum) { return sum.done > 0; });
  if (mixed) {
    if (job.record.consistency != "fuzzy") {
      job.warn("the job is fuzzy from here on: the snapshot of the finished chunks is gone",
               "`pgstride status` says what that promises; `pause --hold` keeps a snapshot");
    }
    job.record.consistency = "fuzzy";
    // A standby may lag behind where the first snapshot was taken: changes are needed from there
    // on.
    job.record.start_lsn = std::min(job.record.start_lsn, holders.snapshot().lsn);
  } else {
    // Nothing of an older snapshot is left: the job is of this one alone.
    job.record.consistency = "exact";
    job.record.start_lsn = holders.snapshot().lsn;
    job.record.end_lsn = holders.snapshot().end_lsn;
    job.record.first_snapshot = holders.snapshot().text;
  }
  record_snapshot(job, holders);
  job.save();
  job.note("snapshot", fmt::format("snapshot {} at {}, {}", holders.snapshot().text,
                                   holders.snapshot().lsn.text(), job.record.consistency));
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
  const auto tables = open_tables(job);
  if (tables.empty()) {
    return std::nullopt;
  }
  if (auto held = adopt_held(job, tables)) {
    record_snapshot(job, *held);
    job.save();
    job.events->info("the snapshot is still held: going on under it");
    job.note("snapshot", "the held snapshot was taken over");
    return held;
  }
  auto holders = take_new(job);
  if (holders) {
    record_new_snapshot(job, *holders);
  }
  return holders;
}

std::vector<std::string> tables_to_redo(Job& job) {
  std::vector<std::string> names;
  for (const auto& [name, parent] : partly_done_parents(job)) {
    if (!parent.by_primary_key) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace pgstride::job
