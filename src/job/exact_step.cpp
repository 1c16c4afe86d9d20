#include "job/exact_step.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "handoff/guard.hpp"
#include "handoff/membership.hpp"
#include "handoff/slot.hpp"
#include "job/identity_step.hpp"
#include "job/load_plan.hpp"
#include "job/slot_step.hpp"
#include "pg/replication_stream.hpp"
#include "plan/plan.hpp"

namespace pgstride::job {

namespace {

using checkpoint::TableRecord;

constexpr const char* k_dirty = "rows of it changed since it was read";

Error not_exact(const std::string& why) {
  return {ErrorKind::snapshot,
          "what has changed since the finished chunks were read can't be told: " + why,
          "begin again with --restart; --consistency fuzzy keeps what is done and goes on without "
          "an exact hand-off"};
}

// The slot must still have all changes from where the oldest delivery holds.
handoff::SlotFacts usable_slot(Job& job, pg::Connection& session) {
  const auto facts = handoff::read_slot(session, job.slot->name);
  const auto& name = job.slot->name;
  if (!facts) {
    throw not_exact(fmt::format("slot \"{}\" is gone", name));
  }
  if (facts->database != job.record.database || facts->plugin != job.slot->plugin) {
    throw not_exact(fmt::format("slot \"{}\" is another one now", name));
  }
  if (facts->lost()) {
    throw not_exact(fmt::format("slot \"{}\" has lost its WAL{}{}", name,
                                facts->invalid.empty() ? "" : ": ", facts->invalid));
  }
  return *facts;
}

// A walsender of a process that died lives on until it notices.
void wait_until_free(Job& job, pg::Connection& session) {
  const auto until = std::chrono::steady_clock::now() + job.run.lock_timeout;
  Backoff backoff(std::chrono::milliseconds(20), std::chrono::milliseconds(500));
  for (;;) {
    const auto facts = usable_slot(job, session);
    if (!facts.active) {
      return;
    }
    if (std::chrono::steady_clock::now() >= until) {
      throw Error(ErrorKind::snapshot,
                  fmt::format("slot \"{}\" is read by process {} of the server", job.slot->name,
                              facts.active_pid),
                  "stop its consumer until the job is done");
    }
    if (!sleep_for(backoff.next(), job.stop.drain)) {
      throw Error(ErrorKind::stopped, "stopped while the slot was in use");
    }
  }
}

// A temporary slot that still waits holds back the server's horizon until its session ends.
void end_waiting_session(Job& job, const std::string& application_name) {
  try {
    pg::Connection session({job.conninfo, fmt::format("pgstride/{}/slot", job.name), {}, {}});
    handoff::end_sessions_named(session, application_name);
  } catch (const Error&) {
    // The server ends it once the older transactions have.
  }
}

std::string short_name(Job& job) {
  static int made = 0;
  return fmt::format("pgstride_{}_{}_{}", job.record.uid.substr(0, 16), ::getpid(), ++made);
}

}  // namespace

bool resumes_exactly(Job& job) {
  return job.slot && job.slot->state == "created" && !needs_new_slot(job) &&
         job.record.consistency != "fuzzy" && job.run.consistency != Consistency::fuzzy;
}

void check_slot_usable(Job& job) {
  auto session = job.connect("slot");
  usable_slot(job, session);
}

std::optional<Lsn> smallest_valid(Job& job) {
  std::optional<Lsn> smallest;
  job.store->each_delivery(0, "done", [&](const checkpoint::Delivery& delivery) {
    const auto lsn = delivery.result.valid_lsn;
    smallest = smallest ? std::min(*smallest, lsn) : lsn;
  });
  return smallest;
}

std::map<std::int64_t, std::string> memberships_now(Job& job) {
  auto session = job.connect("publication");
  auto by_oid = handoff::publication_memberships(session, job.slot->private_publication);
  std::map<std::int64_t, std::string> out;
  for (const auto& [record, totals] : kept_tables(job)) {
    if (const auto found = by_oid.find(record.table.oid); found != by_oid.end()) {
      out.emplace(record.table.id, found->second);
    }
  }
  return out;
}

pg::ExportingSlot ExactResume::make_temporary_slot(const handoff::Waiting& waiting) {
  make_publications(m_job);
  m_memberships = memberships_now(m_job);
  auto session = m_job.connect("slot");
  const auto before =
      session.exec("SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())")
          .text(0, 0);
  pg::ConnectOptions options;
  options.conninfo = m_job.conninfo;
  options.application_name = "pgstride/resume/" + m_job.record.uid;
  options.cancel = m_job.stop.drain;
  try {
    return {
        options, {.name = short_name(m_job), .plugin = m_job.slot->plugin, .temporary = true}, [&] {
          waiting("waiting for older transactions before the snapshot: " +
                      handoff::older_transactions(session, before),
                  "a slot begins once all that run now have ended; end them or wait");
        }};
  } catch (Error& error) {
    end_waiting_session(m_job, options.application_name);
    if (error.sqlstate() == "53400") {
      error.with_hint("a resume needs one slot more for its snapshot: raise max_replication_slots");
    }
    throw;
  }
}

void ExactResume::find_dirty(const handoff::Snapshot& snapshot) {
  m_snapshot = snapshot;
  m_tables = kept_tables(m_job);
  m_dirty.clear();
  const auto before = m_job.store->memberships();
  const auto now = memberships_now(m_job);  // what was done to it before the snapshot shows
  const auto published = m_job.store->published();
  auto session = m_job.connect("keys");
  std::vector<const TableRecord*> tracked;
  for (const auto& [record, sums] : m_tables) {
    const auto id = record.table.id;
    const auto stored = before.find(id);
    const auto found = now.find(id);
    std::string why;
    if (stored == before.end() || found == now.end()) {
      const auto told = published.find(id);
      why = "the job's slot does not tell its changes";
      why +=
          told == published.end() || told->second.reason.empty() ? "" : ": " + told->second.reason;
    } else if (stored->second != found->second) {
      why = "the job's own publication was altered, so changes of it may be missing";
    } else if (plan::filter_reads_tables(session, record.table)) {
      why = "its filter reads other tables";
    }
    if (why.empty()) {
      tracked.push_back(&record);
      continue;
    }
    for (const auto& sum : m_job.store->totals_of_targets()) {
      // A target that is away may have loaded something nobody has heard of.
      const bool unheard = m_job.set_aside.contains({0, sum.target_id});
      if (sum.table_id == id && (sum.done > 0 || unheard)) {
        m_dirty[id].whole.emplace(sum.target_id, why);
      }
    }
  }
  DirtyChunks dirty(*m_job.store, tracked, session);
  if (const auto oldest = dirty.oldest(); oldest && *oldest < snapshot.lsn) {
    read_changes(dirty, *oldest, snapshot.lsn);
  }
  m_dirty.merge(dirty.finish());
  crash_point("changes_read");
}

void ExactResume::read_changes(DirtyChunks& dirty, Lsn start, Lsn end) {
  auto session = m_job.connect("slot");
  wait_until_free(m_job, session);
  const auto facts = usable_slot(m_job, session);
  if (facts.confirmed_flush > start) {
    throw not_exact(fmt::format("slot \"{}\" stands at {}, and the oldest of what is done is of {}",
                                m_job.slot->name, facts.confirmed_flush.text(), start.text()));
  }
  m_job.events->info(
      fmt::format("reading what changed between {} and {}", start.text(), end.text()));
  pg::ConnectOptions options;
  options.conninfo = m_job.conninfo;
  options.application_name = fmt::format("pgstride/{}/changes", m_job.name);
  options.cancel = m_job.stop.drain;
  options.replication = true;
  pg::ReplicationStream stream(pg::Connection(options),
                               {m_job.slot->name, m_job.slot->private_publication, start});
  handoff::ChangeReader reader(dirty.watched(), dirty);
  while (const auto message = stream.next(end)) {
    if (!reader.take(*message, end)) {
      break;
    }
  }
}

// A target that held rows of others before the job can't lose those of the job alone.
void ExactResume::give_up_whole(const TableRecord& record, DirtyTable& dirty) {
  for (const auto& target : m_job.targets) {
    const auto whole = dirty.whole.find(target.record.id);
    if (whole != dirty.whole.end() && target.full.contains(table_key(record.table))) {
      fail_table(m_job, record,
                 fmt::format("table {} can't be copied again whole, as target {} held rows before "
                             "the job; {}; --consistency fuzzy keeps what is loaded and goes on",
                             record.table.leaf_display_name(), target.record.id, whole->second));
      dirty = {};
      return;
    }
  }
}

std::int64_t ExactResume::redo(const TableRecord& record, const DirtyTable& dirty) {
  std::int64_t redone = static_cast<std::int64_t>(dirty.chunks.size());
  for (const auto& delivery : dirty.chunks) {
    m_job.store->redo_dirty(delivery.chunk_id, delivery.target_id, m_snapshot.lsn, k_dirty);
  }
  for (const auto& [target, why] : dirty.whole) {
    redone += m_job.store->redo_table(record.table.id, target, why);
  }
  const auto& name = record.table.leaf_display_name();
  if (!dirty.whole.empty()) {
    m_job.note("redo", fmt::format("table {} is {} again whole: {}", name, transferred(m_job),
                                   dirty.whole.begin()->second));
    m_job.events->warning(fmt::format("table {} is {} again whole: {}", name, transferred(m_job),
                                      dirty.whole.begin()->second),
                          "");
  } else {
    m_job.note("redo", fmt::format("{} chunks of table {} are {} again: {}", redone, name,
                                   transferred(m_job), k_dirty));
  }
  return redone;
}

void ExactResume::store() {
  std::int64_t redone = 0;
  for (const auto& [record, sums] : m_tables) {
    auto dirty = m_dirty.find(record.table.id);
    if (dirty != m_dirty.end()) {
      give_up_whole(record, dirty->second);
      if (m_job.set_aside.contains({record.table.id, 0})) {
        continue;  // what it has holds as of its older position, and is looked at again next time
      }
      redone += redo(record, dirty->second);
    }
    m_job.store->raise_valid(record.table.id, m_snapshot.lsn, m_snapshot.text);
  }
  std::map<std::int64_t, checkpoint::TableTotals> totals;
  for (const auto& sum : m_job.store->totals()) {
    totals[sum.table_id] = sum;
  }
  for (auto [record, sums] : m_tables) {
    const auto& sum = totals[record.table.id];
    const auto* state = sum.chunks > 0 && sum.done == sum.chunks ? "done" : "planned";
    if (record.state != state && !m_job.set_aside.contains({record.table.id, 0})) {
      record.state = state;
      m_job.store->put_table(record);
    }
  }
  auto memberships = m_job.store->memberships();
  for (const auto& [record, sums] : m_tables) {
    if (!m_job.set_aside.contains({record.table.id, 0})) {
      memberships.erase(record.table.id);
      if (const auto now = m_memberships.find(record.table.id); now != m_memberships.end()) {
        memberships.insert(*now);
      }
    }
  }
  m_job.store->put_memberships(memberships);
  m_job.events->info(fmt::format("{} chunks have changed since they were read and are {} again",
                                 redone, transferred(m_job)));
  crash_point("dirty_stored");
}

}  // namespace pgstride::job
