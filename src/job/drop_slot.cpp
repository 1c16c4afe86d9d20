#include "job/drop_slot.hpp"

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "handoff/publications.hpp"
#include "handoff/slot.hpp"
#include "job/directory.hpp"
#include "job/server_source.hpp"
#include "job/slot_step.hpp"
#include "pg/conninfo.hpp"

namespace pgstride::job {

namespace {

enum class Dropped { gone, dropped, kept, others };

// The job's slot, or a copy of it: nobody else's, and nobody reads from it. A copy that no
// subscription was made for is the job's wherever it stands.
bool is_free(Job& job, pg::Connection& source, const std::string& name, bool handed_over,
             const handoff::SlotFacts& found) {
  if (handed_over || found.active) {
    return false;
  }
  return name == job.slot->name
             ? is_own_slot(job, source, found)
             : found.database == job.record.database && found.plugin == job.slot->plugin;
}

Dropped drop_one(Job& job, pg::Connection& source, const std::string& name, bool handed_over) {
  const auto found = handoff::read_slot(source, name);
  if (!found) {
    return Dropped::gone;
  }
  if (!is_free(job, source, name, handed_over, *found)) {
    // One that is there where the job's was perhaps made, but is not, is nothing of the job's.
    return job.slot->state == "creating" && !found->active ? Dropped::others : Dropped::kept;
  }
  handoff::drop_slot(source, name);
  job.note("clean", fmt::format("slot \"{}\" was dropped", name));
  return Dropped::dropped;
}

void drop_a_publication(Job& job, pg::Connection& source, const std::string& name,
                        std::vector<std::string>& lines) {
  if (handoff::drop_publication(source, name, job.record.uid)) {
    job.note("clean", fmt::format("publication \"{}\" was dropped", name));
    lines.push_back(fmt::format("source: publication \"{}\" is dropped", name));
  }
}

void refuse_used(const std::string& name) {
  throw Error(ErrorKind::usage,
              fmt::format("slot \"{}\" of the job in this directory has a consumer", name),
              "take another directory and another slot; or end the consumer and drop its slot "
              "first");
}

// Copies for the job's further targets, made by handoff.
bool drop_copies(Job& job, pg::Connection& source, InUse in_use, std::vector<std::string>& lines) {
  bool kept = false;
  for (const auto& consumer : job.store->consumers()) {
    if (consumer.slot == job.slot->name) {
      continue;
    }
    const bool subscribed = consumer.state == "subscribed";
    switch (drop_one(job, source, consumer.slot, subscribed)) {
    case Dropped::dropped:
      lines.push_back(fmt::format("source: slot \"{}\" is dropped", consumer.slot));
      break;
    case Dropped::kept:
      if (in_use == InUse::refuse) {
        refuse_used(consumer.slot);
      }
      kept = true;
      lines.push_back(
          fmt::format("source: slot \"{}\" is its consumer's now and stays", consumer.slot));
      break;
    case Dropped::others:
    case Dropped::gone:
      break;
    }
  }
  return kept;
}

// Asks without changing anything.
void refuse_in_use(Job& job) {
  check_identity(job);
  auto source = job.connect("clean");
  std::vector<std::pair<std::string, bool>> slots = {{job.slot->name, job.slot->handed_over}};
  for (const auto& consumer : job.store->consumers()) {
    slots.emplace_back(consumer.slot, consumer.state == "subscribed");
  }
  for (const auto& [name, handed_over] : slots) {
    const auto found = handoff::read_slot(source, name);
    const bool creating = job.slot->state == "creating";  // an active one is our own zombie's
    if (found && !creating && !is_free(job, source, name, handed_over, *found)) {
      refuse_used(name);
    }
  }
}

}  // namespace

std::vector<std::string> drop_slot_and_publications(Job& job, InUse in_use) {
  std::vector<std::string> lines;
  const bool planned = job.slot && job.slot->state == "planned";
  if (!job.slot || (planned && job.slot->not_before == Lsn{})) {
    return lines;
  }
  check_identity(job);
  auto source = job.connect("clean");
  if (job.slot->state == "creating") {
    handoff::end_sessions_named(source, slot_session_name(job));
  }
  bool kept = false;
  if (!planned && job.slot->state != "dropped") {
    const auto& name = job.slot->name;
    switch (drop_one(job, source, name, job.slot->handed_over)) {
    case Dropped::dropped:
      lines.push_back(fmt::format("source: slot \"{}\" is dropped", name));
      break;
    case Dropped::kept:
      if (in_use == InUse::refuse) {
        refuse_used(name);
      }
      kept = true;
      lines.push_back(fmt::format("source: slot \"{}\" is its consumer's now and stays, with "
                                  "publication \"{}\"",
                                  name, job.slot->publication));
      break;
    case Dropped::others:
      lines.push_back(fmt::format("source: slot \"{}\" is not the job's and stays", name));
      break;
    case Dropped::gone:
      break;
    }
    crash_point("slot_dropped");
    kept = drop_copies(job, source, in_use, lines) || kept;
  }
  drop_a_publication(job, source, job.slot->private_publication, lines);
  if (!kept && job.slot->state != "dropped") {
    drop_a_publication(job, source, job.slot->publication, lines);
  }
  job.slot->state = "dropped";
  job.store->put_slot(*job.slot);
  if (lines.empty()) {
    lines.emplace_back("source: nothing of the job is left");
  }
  return lines;
}

void discard_slot(const Job& job, Discard what) {
  if (!checkpoint::has_store(job.directory) || is_discarding(job.directory)) {
    return;
  }
  Job old;
  old.directory = job.directory;
  old.name = job.name;
  old.events = job.events;
  old.stop = job.stop;
  try {
    old.store = checkpoint::open_store(job.directory);
    const auto record = old.store->job();
    if (!record) {
      return;
    }
    old.record = *record;
    old.slot = old.store->slot();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::checkpoint) {
      throw;
    }
    return;  // damaged: it can't tell
  }
  old.conninfo = job.conninfo;
  if (what == Discard::drop) {
    drop_slot_and_publications(old, InUse::refuse);
  } else if (old.slot && (old.slot->state == "creating" || old.slot->state == "created")) {
    refuse_in_use(old);
  }
}

}  // namespace pgstride::job
