// `pgstride clean`: drops what a job has left on its servers.

#include <fmt/format.h>

#include "job/deferred_step.hpp"
#include "job/directory.hpp"
#include "job/drop_slot.hpp"
#include "job/end_load.hpp"
#include "job/job.hpp"
#include "job/settings.hpp"
#include "job/target_identity.hpp"
#include "pg/conninfo.hpp"
#include "pgstride/job.hpp"

namespace pgstride {

namespace {

using job::Job;
using job::JobTarget;

void refuse_held(const Job& job) {
  if (const auto alive = job::liveness(job.directory); alive.held) {
    throw Error(ErrorKind::checkpoint,
                fmt::format("process {} holds the snapshot of the job in \"{}\"", alive.pid,
                            job.directory.string()),
                "let it go first: pgstride pause DIR");
  }
}

void check_source(Job& job, const std::string& conninfo) {
  job.conninfo = conninfo;
  auto connection = job.connect("clean");
  const auto identity = pg::server_identity(connection);
  if (identity.system_identifier != job.record.system_identifier ||
      identity.database != job.record.database) {
    throw Error(ErrorKind::identity,
                fmt::format("--source is database \"{}\" of system {}, the job's is \"{}\" of {}",
                            identity.database, identity.system_identifier, job.record.database,
                            job.record.system_identifier));
  }
}

void check_unfinished(const Job& job, bool yes) {
  if (job::is_loaded(job)) {
    return;
  }
  if (!yes) {
    throw Error(
        ErrorKind::usage,
        fmt::format("the job in \"{}\" is not done: without its ledger it can't be resumed, "
                    "and what it has loaded can't be told from other rows",
                    job.directory.string()),
        "finish it with `pgstride resume`, or add --yes to give it up");
  }
  job.events->warning("the job is given up: what it has loaded stays in the tables",
                      "only --restart begins it anew, with --truncate or on emptied tables");
}

// What the job dropped stands in its checkpoint alone. Tables that it made itself are left as they
// are, and told.
void build_dropped(Job& job, JobTarget& target) {
  if (job::is_loaded(job)) {
    return;
  }
  if (!target.record.schema_state.empty()) {
    job::tell_of_bare_tables(job, target);
    return;
  }
  if (const int failed = job::build_deferred_objects(job, target); failed > 0) {
    throw Error(ErrorKind::server,
                fmt::format("target {}: {} indexes or constraints that the job dropped could not "
                            "be built",
                            target.record.id, failed),
                "mend the cause, then `pgstride clean` again");
  }
  job.store->put_deferred(target.record.id, {});
}

std::string clean_target(Job& job, JobTarget& target) {
  const auto name =
      fmt::format("target {} (database \"{}\")", target.record.id, target.record.database);
  auto connection = job.connect_target(target, "clean");
  job::check_target(connection, target);
  build_dropped(job, target);
  connection.exec(fmt::format("SET lock_timeout = {}", job.run.lock_timeout.count()));
  try {
    if (target.book->forget(connection)) {
      job.note("clean", name + ": the job's ledger was dropped");
      return name + ": the job's ledger is dropped";
    }
    return name + ": nothing of the job is left";
  } catch (const Error& error) {
    if (error.sqlstate() != "55P03") {
      throw;
    }
    throw Error(ErrorKind::lock, name + ": sessions that still load hold the ledger",
                "they end by themselves; try again");
  }
}

std::vector<std::string> clean_targets(Job& job) {
  std::vector<std::string> lines;
  std::optional<Error> trouble;
  for (auto& target : job.targets) {
    try {
      lines.push_back(clean_target(job, target));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::stopped) {
        throw;
      }
      if (trouble) {
        job.warn(trouble->what(), trouble->hint());
      }
      trouble = error;
    }
  }
  if (trouble) {
    for (const auto& line : lines) {
      job.events->info(line);
    }
    throw *trouble;
  }
  return lines;
}

void clean_source(Job& job, const CleanOptions& options, std::vector<std::string>& lines) {
  job.conninfo = options.source.value_or(job.record.source);
  for (auto& line : job::drop_slot_and_publications(job, job::InUse::keep)) {
    lines.push_back(std::move(line));
  }
}

std::vector<std::string> clean_export(Job& job, const CleanOptions& options) {
  if (options.source) {
    check_source(job, *options.source);
  }
  if (!job.slot) {
    return {"an export without a slot leaves nothing on its server"};
  }
  if (job.record.state != "done" && !options.yes) {
    throw Error(ErrorKind::usage,
                fmt::format("the job in \"{}\" is not done: without its slot it can't be resumed",
                            job.directory.string()),
                "finish it with `pgstride resume`, or add --yes to give it up");
  }
  std::vector<std::string> lines;
  clean_source(job, options, lines);
  return lines;
}

}  // namespace

std::vector<std::string> clean_job(const CleanOptions& options, Events& events,
                                   const StopTokens& stop) {
  Job job;
  job.directory = options.directory;
  job.name = job::job_name(options.directory);
  job.events = &events;
  job.stop = stop;
  job.lock = job::take_existing(options.directory);
  refuse_held(job);
  job.store = checkpoint::open_store(options.directory);
  const auto record = job.store->job();
  if (!record || job::is_discarding(options.directory)) {
    return {fmt::format("the job in \"{}\" was never planned: nothing of it is left",
                        options.directory.string())};
  }
  job.record = *record;
  job.slot = job.store->slot();
  if (record->verb == "export") {
    if (!options.targets.empty()) {
      throw Error(ErrorKind::usage, "--target does not go with an export", "leave it out");
    }
    return clean_export(job, options);
  }
  job.load = job::load_settings(record->settings);
  if (options.source && record->verb == "import") {
    throw Error(ErrorKind::usage, "--source does not go with an import", "leave it out");
  }
  if (options.source) {
    check_source(job, *options.source);
  }
  job::match_targets(job, options.targets);
  check_unfinished(job, options.yes);
  auto lines = clean_targets(job);
  clean_source(job, options, lines);
  return lines;
}

}  // namespace pgstride
