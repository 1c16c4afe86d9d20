#include "job/slot_step.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "handoff/guard.hpp"
#include "handoff/publications.hpp"
#include "handoff/slot.hpp"
#include "job/exact_step.hpp"

namespace pgstride::job {

namespace {

Error slot_exists(const std::string& name) {
  return {ErrorKind::usage, fmt::format("a slot \"{}\" exists already", name),
          fmt::format("take another name, or drop it if nobody reads from it: SELECT "
                      "pg_drop_replication_slot('{}')",
                      name)};
}

// Only what an earlier run of this job can have made is dropped.
void drop_former(Job& job, pg::Connection& session) {
  auto& slot = *job.slot;
  if (slot.state == "creating") {
    handoff::end_sessions_named(session, slot_session_name(job));
  }
  const auto found = handoff::read_slot(session, slot.name);
  if (!found) {
    return;
  }
  if (!is_own_slot(job, session, *found)) {
    throw slot_exists(slot.name);
  }
  if (found->active) {
    throw Error(ErrorKind::usage,
                fmt::format("slot \"{}\" is read by process {} of the server, but nothing was "
                            "copied yet that its changes belong to",
                            slot.name, found->active_pid),
                "stop that consumer until the job is done");
  }
  handoff::drop_slot(session, slot.name);
  job.note("slot", fmt::format("slot \"{}\" of an earlier run was dropped", slot.name));
}

// `planned`: from here on its publications may be there. `creating`: whoever finds the slot from
// here on knows that it was not there now.
void record(Job& job, pg::Connection& session, const char* state) {
  auto& slot = *job.slot;
  slot.state = state;
  slot.not_before =
      Lsn::parse(session.exec("SELECT pg_catalog.pg_current_wal_insert_lsn()").get(0, 0));
  slot.consistent_point = {};
  slot.advanced_to = {};
  job.store->put_slot(slot);
}

// Where the server can still be asked, nobody need wonder later whose a slot of this name is.
void look_after_failure(Job& job) {
  auto& slot = *job.slot;
  try {
    pg::Connection session({job.conninfo, "pgstride/" + job.name + "/slot", {}, {}});
    handoff::end_sessions_named(session, slot_session_name(job));
    if (!handoff::read_slot(session, slot.name)) {
      slot.state = "planned";
      job.store->put_slot(slot);
    }
  } catch (const Error&) {
    // It stays `creating`: the next run asks.
  }
}

pg::ExportingSlot create(Job& job, pg::Connection& session, const handoff::Waiting& waiting) {
  auto& slot = *job.slot;
  const auto before =
      session.exec("SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())")
          .text(0, 0);
  pg::ConnectOptions options;
  options.conninfo = job.conninfo;
  options.application_name = slot_session_name(job);
  options.cancel = job.stop.drain;
  try {
    return {options, {.name = slot.name, .plugin = slot.plugin, .failover = slot.failover}, [&] {
              waiting("waiting for older transactions before the slot: " +
                          handoff::older_transactions(session, before),
                      "a slot begins once all that run now have ended; end them or wait");
            }};
  } catch (const Error& error) {
    if (error.sqlstate() == "42710") {
      slot.state = "planned";  // somebody else's, then
      job.store->put_slot(slot);
      throw slot_exists(slot.name);
    }
    look_after_failure(job);
    throw;
  }
}

}  // namespace

void refuse_handed_over(const Job& job) {
  if (job.slot && job.slot->handed_over) {
    throw Error(
        ErrorKind::usage,
        fmt::format("a consumer of slot \"{}\" was made already, and begins where the job's "
                    "rows end: they can't be read anew",
                    job.slot->name),
        "begin another job, in another directory and with another slot");
  }
}

bool is_own_slot(Job& job, pg::Connection& session, const handoff::SlotFacts& found) {
  const auto& slot = *job.slot;
  if (found.database != job.record.database || found.plugin != slot.plugin) {
    return false;
  }
  if (slot.state == "created") {
    // What was stored as advanced to may not have come to that, or a crash has taken it back.
    return found.lost() || (found.confirmed_flush >= slot.consistent_point &&
                            found.confirmed_flush <= slot.advanced_to);
  }
  // Perhaps made by the run that died over it: then its publications were there before, and no
  // other job has made its own for this slot.
  const auto& uid = job.record.uid;
  return slot.state == "creating" && (found.lost() || found.confirmed_flush >= slot.not_before) &&
         handoff::find_publication(session, slot.private_publication, uid) ==
             handoff::Publication::of_the_job &&
         !handoff::another_job_reads(session, slot.name, uid);
}

void check_slot_options(const SlotOptions& options) {
  if (options.slot.empty() && options.publication.empty() && !options.failover) {
    return;
  }
  if (options.slot.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("{} needs --slot",
                            options.publication.empty() ? "--slot-failover" : "--publication"),
                "name the slot that the consumer is to read from; the job makes it");
  }
  handoff::check_slot_name(options.slot);
  if (options.publication.empty()) {
    throw Error(ErrorKind::usage, "--slot needs --publication",
                "name the publication that the consumer is to read; the job makes it if there is "
                "none");
  }
}

void prepare_slot(Job& job, pg::Connection& source) {
  if (job.slot_options.slot.empty()) {
    return;
  }
  handoff::check_slot_source(source, job.slot_options.failover);
  if (handoff::read_slot(source, job.slot_options.slot)) {
    throw slot_exists(job.slot_options.slot);
  }
  if (const auto bug = handoff::snapshot_bug(source.server_version()); !bug.empty()) {
    job.events->warning(bug, "pgstride waits for them before it reads, so its own rows are right; "
                             "take the server's newest minor version all the same");
  }
  job.slot.emplace();
  job.slot->name = job.slot_options.slot;
  job.slot->failover = job.slot_options.failover;
  job.slot->publication = job.slot_options.publication;
  job.slot->private_publication = handoff::private_publication_name(job.record.uid);
  job.record.slot = job.slot->name;
  job.record.publication = job.slot->publication;
}

void compare_slot(const Job& job, const SlotOptions& options) {
  const auto stored = job.slot.value_or(checkpoint::SlotRecord{});
  const auto check = [](const char* option, const std::string& before, const std::string& now) {
    if (before != now) {
      const auto shown = [](const std::string& text) { return text.empty() ? "(none)" : text; };
      throw Error(ErrorKind::usage,
                  fmt::format("the directory holds a job with other settings: {}: the job has {}, "
                              "the command says {}",
                              option, shown(before), shown(now)),
                  "repeat the command as it was, use `pgstride resume DIR`, take another "
                  "directory, or discard what is done with --restart");
    }
  };
  const auto word = [](bool set) { return set ? std::string("yes") : std::string(); };
  check("--slot", stored.name, options.slot);
  check("--publication", stored.publication, options.publication);
  check("--slot-failover", word(stored.failover), word(options.failover));
}

bool needs_new_slot(Job& job) {
  if (!job.slot || job.slot->state == "dropped") {
    return false;
  }
  if (job.slot->state != "created") {
    return true;
  }
  const auto totals = job.store->totals();
  const bool nothing_done =
      std::all_of(totals.begin(), totals.end(), [](const auto& sum) { return sum.done == 0; });
  // A target that is away may hold what the checkpoint does not know of.
  const bool all_heard = std::none_of(job.set_aside.begin(), job.set_aside.end(),
                                      [](const auto& pair) { return pair.first == 0; });
  return nothing_done && all_heard;
}

pg::ExportingSlot make_slot(Job& job, const handoff::Waiting& waiting) {
  auto session = job.connect("slot");
  drop_former(job, session);
  record(job, session, "planned");
  make_publications(job);
  job.memberships = memberships_now(job);
  crash_point("publications_made");
  record(job, session, "creating");
  crash_point("slot_creating");
  auto exporting = create(job, session, waiting);
  crash_point("slot_made");
  auto& slot = *job.slot;
  slot.state = "created";
  slot.consistent_point = exporting.consistent_point();
  slot.advanced_to = exporting.consistent_point();
  job.store->put_slot(slot);
  job.note("slot",
           fmt::format("slot \"{}\" begins at {}", slot.name, slot.consistent_point.text()));
  crash_point("slot_recorded");
  return exporting;
}

std::string slot_session_name(const Job& job) {
  return "pgstride/slot/" + job.record.uid;
}

}  // namespace pgstride::job
