#include "job/slot_watch.hpp"

#include <fmt/format.h>

#include "handoff/slot.hpp"

namespace pgstride::job {

namespace {

constexpr std::chrono::seconds k_look_every{3};

bool has_slot(const Job& job) {
  return job.slot && job.slot->state == "created";
}

std::string megabytes(std::int64_t bytes) {
  return fmt::format("{} MB", (bytes + (1 << 19)) >> 20);
}

Error slot_lost(const std::string& name, const std::string& why) {
  return {ErrorKind::server,
          fmt::format("slot \"{}\" is lost ({}): the changes since the job's start are gone, so it "
                      "can't be handed over",
                      name, why),
          "raise max_slot_wal_keep_size, then begin again with --restart; or drop the slot with "
          "`pgstride clean DIR --yes`"};
}

// Of a job that nobody follows yet.
void check_untouched(const Job& job, const handoff::SlotFacts& found) {
  if (!job.slot->handed_over && found.confirmed_flush > job.slot->advanced_to) {
    throw slot_lost(
        job.slot->name,
        fmt::format("it stands at {}, beyond {}: somebody has read from it, or has made "
                    "it again",
                    found.confirmed_flush.text(), job.slot->advanced_to.text()));
  }
}

}  // namespace

void check_slot_alive(const Job& job, const std::optional<handoff::SlotFacts>& found) {
  const auto& name = job.slot->name;
  if (!found) {
    throw slot_lost(name, "it was dropped");
  }
  if (found->database != job.record.database || found->plugin != job.slot->plugin) {
    throw slot_lost(name, "another one has its name now");
  }
  if (found->lost()) {
    throw slot_lost(name, found->invalid.empty() ? "its WAL was removed, max_slot_wal_keep_size"
                                                 : found->invalid);
  }
}

void SlotWatch::look() {
  if (!has_slot(m_job) || std::chrono::steady_clock::now() < m_next) {
    return;
  }
  m_next = std::chrono::steady_clock::now() + k_look_every;
  std::optional<handoff::SlotFacts> found;
  try {
    if (!m_session || !m_session->usable()) {
      m_session.reset();
      m_session.emplace(m_job.connect("slot-watch"));
    }
    found = handoff::read_slot(*m_session, m_job.slot->name);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::connection && error.kind() != ErrorKind::stopped &&
        !error.is_transient()) {
      throw;
    }
    m_session.reset();  // the workers' own connections tell of a source that is gone
    return;
  }
  check_slot_alive(m_job, found);
  check_untouched(m_job, *found);
  tell(found->wal_status, found->held_bytes, found->limit_bytes);
}

void SlotWatch::tell(const std::string& wal_status, std::int64_t held,
                     std::optional<std::int64_t> limit) {
  const std::string hint = "raise it (ALTER SYSTEM SET max_slot_wal_keep_size, then "
                           "pg_reload_conf()), or the slot is lost and nothing can be handed over";
  if (limit && held * 2 > *limit && !m_told_half) {
    m_told_half = true;
    m_job.warn(fmt::format("slot \"{}\" holds {} of WAL, of {} that max_slot_wal_keep_size allows",
                           m_job.slot->name, megabytes(held), megabytes(*limit)),
               hint);
  }
  if (wal_status == "unreserved" && !m_told_unreserved) {
    m_told_unreserved = true;
    m_job.warn(fmt::format("slot \"{}\" has passed max_slot_wal_keep_size: the next checkpoint of "
                           "the source may remove its WAL",
                           m_job.slot->name),
               hint);
  }
}

void confirm_slot(Job& job) {
  if (!has_slot(job)) {
    return;
  }
  auto session = job.connect("slot-watch");
  const auto found = handoff::read_slot(session, job.slot->name);
  check_slot_alive(job, found);
  check_untouched(job, *found);
  if (found->wal_status == "unreserved") {
    throw Error(ErrorKind::server,
                fmt::format("slot \"{}\" has passed max_slot_wal_keep_size: its WAL may be gone "
                            "before a consumer reads it",
                            job.slot->name),
                "raise max_slot_wal_keep_size and reload the source's configuration, then "
                "`pgstride resume`");
  }
}

void tell_held_wal(Job& job) {
  if (!has_slot(job)) {
    return;
  }
  std::string held;
  try {
    auto session = pg::Connection({job.conninfo, "pgstride/" + job.name + "/slot-watch", {}, {}});
    const auto found = handoff::read_slot(session, job.slot->name);
    if (!found) {
      return;
    }
    held = fmt::format(" {} of", megabytes(found->held_bytes));
  } catch (const Error&) {
    // The source is away: it still holds what it held.
  }
  job.warn(fmt::format("slot \"{}\" still holds{} WAL on the source, and more with each change",
                       job.slot->name, held),
           fmt::format("finish the job with `pgstride resume {0}`, or give it up: `pgstride clean "
                       "{0} --yes` drops the slot",
                       job.directory.string()));
}

}  // namespace pgstride::job
