#include "job/slot_advance.hpp"

#include <chrono>

#include <fmt/format.h>

#include "base/backoff.hpp"
#include "base/crash_point.hpp"
#include "handoff/slot.hpp"
#include "job/exact_step.hpp"

namespace pgstride::job {

namespace {

// checkpoint_timeout is 5 minutes by default, and the checkpoint itself takes its time.
constexpr std::chrono::minutes k_wait_for_checkpoint{15};
constexpr std::chrono::seconds k_tell_every{10};

bool checkpoint_now(pg::Connection& session) {
  try {
    session.exec("CHECKPOINT");
    return true;
  } catch (const Error& error) {
    if (error.sqlstate() != "42501") {
      throw;
    }
    return false;
  }
}

// A slot's position is written to disk by the next checkpoint (slot.c, CheckPointReplicationSlots).
bool wait_for_checkpoint(Job& job, pg::Connection& session) {
  const auto reached = session.exec("SELECT pg_catalog.pg_current_wal_insert_lsn()").text(0, 0);
  session.exec("SELECT pg_catalog.pg_current_xact_id()");  // an idle server makes none
  const auto until = std::chrono::steady_clock::now() + k_wait_for_checkpoint;
  auto tell_at = std::chrono::steady_clock::now() + k_tell_every;
  while (std::chrono::steady_clock::now() < until) {
    if (session
            .query("SELECT redo_lsn >= $1::pg_lsn FROM pg_catalog.pg_control_checkpoint()",
                   {reached})
            .boolean(0, 0)) {
      return true;
    }
    if (std::chrono::steady_clock::now() >= tell_at) {
      job.warn("waiting for a checkpoint of the source: until then a crash of it takes the slot "
               "back to where it was",
               "CHECKPOINT, as a superuser or a member of pg_checkpoint, makes one at once");
      tell_at = until;
    }
    if (!sleep_for(std::chrono::milliseconds(200), job.stop.drain)) {
      throw Error(ErrorKind::stopped, "stopped while waiting for a checkpoint of the source");
    }
  }
  return false;
}

}  // namespace

void advance_slot(Job& job) {
  if (!job.slot || job.slot->state != "created" || job.slot->handed_over ||
      job.record.consistency != "exact") {
    return;
  }
  auto session = job.connect("slot");
  const auto facts = handoff::read_slot(session, job.slot->name);
  const auto to = smallest_valid(job).value_or(job.record.start_lsn);
  if (!facts || facts->lost() || facts->confirmed_flush > to || to == job.slot->consistent_point) {
    return;  // gone or lost is told elsewhere; further on, a consumer has taken it there
  }
  job.slot->advanced_to = to;
  job.store->put_slot(*job.slot);
  crash_point("slot_advancing");
  // Found there already, an earlier run was killed before it was durable.
  const auto hint = fmt::format("a consumer that begins at {} is right all the same; what the slot "
                                "sends from before is in the rows already",
                                to.text());
  try {
    session.query("SELECT pg_catalog.pg_replication_slot_advance($1, $2::pg_lsn)",
                  {job.slot->name, to.text()});
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::server) {
      throw;
    }
    job.warn(fmt::format("slot \"{}\" can't be moved up to {}: {}", job.slot->name, to.text(),
                         error.what()),
             hint);
    return;
  }
  crash_point("slot_advanced");
  if (!checkpoint_now(session) && !wait_for_checkpoint(job, session)) {
    job.warn(fmt::format("no checkpoint of the source yet: a crash of it could take slot \"{}\" "
                         "back from {}",
                         job.slot->name, to.text()),
             hint);
  }
  job.note("slot", fmt::format("slot \"{}\" was moved up to {}", job.slot->name, to.text()));
}

}  // namespace pgstride::job
