// `pgstride handoff`: what the consumer of a job's changes needs, and the consumer itself where
// that is PostgreSQL.

#include <fmt/format.h>

#include "handoff/slot.hpp"
#include "job/directory.hpp"
#include "job/handoff_facts.hpp"
#include "job/job.hpp"
#include "job/settings.hpp"
#include "job/subscribe_step.hpp"
#include "job/target_identity.hpp"
#include "pg/conninfo.hpp"
#include "pgstride/handoff.hpp"

namespace pgstride {

namespace {

using job::Job;

void check_done(const Job& job) {
  if (job.record.state != "done") {
    throw Error(ErrorKind::usage,
                fmt::format("the job in \"{}\" is not done: it is {}", job.directory.string(),
                            job.record.state),
                "finish it with `pgstride resume`");
  }
  if (job.slot && job.slot->state == "dropped") {
    throw Error(ErrorKind::usage,
                fmt::format("the job in \"{}\" was cleaned: its slot is not its own any more",
                            job.directory.string()));
  }
}

// Nobody should begin with a consumer whose slot is gone; but what is written down can be had
// without the source.
void look_at_slot(Job& job) {
  if (!job.slot) {
    return;
  }
  try {
    auto source = job.connect("handoff");
    const auto identity = pg::server_identity(source);
    if (identity.system_identifier != job.record.system_identifier ||
        identity.database != job.record.database) {
      throw Error(ErrorKind::identity,
                  fmt::format("the source is database \"{}\" of system {}, the job's is \"{}\" of "
                              "{}",
                              identity.database, identity.system_identifier, job.record.database,
                              job.record.system_identifier));
    }
    job::check_slot_usable(job, source);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::connection) {
      throw;
    }
    job.events->warning(fmt::format("the source can't be asked whether slot \"{}\" is there: {}",
                                    job.slot->name, error.what()),
                        "give it with --source");
  }
}

Job open_job(const HandoffOptions& options, Events& events, const StopTokens& stop) {
  Job job;
  job.directory = options.directory;
  job.name = job::job_name(options.directory);
  job.events = &events;
  job.stop = stop;
  if (options.create) {
    job.lock = job::take_existing(options.directory);
    job.store = checkpoint::open_store(options.directory);
  } else {
    job.store = checkpoint::open_store_read_only(options.directory);
  }
  const auto record = job.store->job();
  if (!record || job::is_discarding(options.directory)) {
    throw Error(ErrorKind::usage,
                fmt::format("the job in \"{}\" was never planned", options.directory.string()));
  }
  if (record->verb == "import") {
    throw Error(ErrorKind::usage, "an import has no source whose changes could follow",
                "hand over the export that its files are of");
  }
  job.record = *record;
  job.slot = job.store->slot();
  job.conninfo = options.source.value_or(record->source);
  if (record->verb == "export") {
    job::parse_settings(record->settings, job.select, job.chunk, job.output);
  } else {
    job::parse_settings(record->settings, job.select, job.chunk, job.load);
  }
  return job;
}

}  // namespace

std::vector<Subscribed> hand_off(const HandoffOptions& options,
                                 const std::function<void(std::string_view)>& print, Events& events,
                                 const StopTokens& stop) {
  if (options.create && options.consumer != Consumer::subscription) {
    throw Error(ErrorKind::usage, "--create goes with --to subscription only", "leave it out");
  }
  auto job = open_job(options, events, stop);
  check_done(job);
  auto handoff = job::read_handoff(job);
  if (const auto refusal = job::handoff_refusal(job, handoff, options.consumer)) {
    throw *refusal;
  }
  if (!options.create) {
    look_at_slot(job);
    job::print_handoff(job, handoff, options.consumer, print);
    return {};
  }
  if (job.record.verb == "copy") {
    job::match_targets(job, options.targets);
  } else {
    job::name_targets(job, options.targets);
  }
  return job::subscribe_targets(job, handoff);
}

}  // namespace pgstride
