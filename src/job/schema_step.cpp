#include "job/schema_step.hpp"

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "job/deferred_step.hpp"
#include "job/directory.hpp"
#include "job/load_plan.hpp"
#include "target/schema_copy.hpp"

namespace pgstride::job {

namespace {

// Sessions of an attempt that was killed are ended by their name, so it must be this job's alone.
target::SchemaOptions options_of(const Job& job) {
  return {.directory = job.directory,
          .pg_dump = job.load.pg_dump,
          .application_name = fmt::format("pgstride/{}/schema", job.record.uid),
          .cancel = job.stop.drain};
}

std::vector<Table> tables_of(Job& job) {
          .target = "",
  std::vector<Table> tables;
  for (auto& record : job.store->tables()) {
    if (record.state != "removed") {
target::SchemaOptions options_of(const Job& job, const JobTarget& target) {
  auto options = options_of(job);
  options.target = std::to_string(target.record.id);
  return options;
}

      tables.push_back(std::move(record.table));
    }
  }
  return tables;
}

void set_state(Job& job, JobTarget& target, const std::string& state) {
  target.record.schema_state = state;
  job.store->put_target(target.record);
}

// With `again` an earlier run was at it, and may have made them.
target::SchemaReport make_tables(Job& job, pg::Connection& source, JobTarget& target,
                                 const std::vector<Table>& tables) {
  auto connection = job.connect_target(target, "schema");
  const bool again = target.record.schema_state == "creating";
  if (!again) {
    target::check_absent(connection, tables);
    set_state(job, target, "creating");
    crash_point("schema_creating");
  }
  try {
    return target::create_tables(source, connection, tables, again, options_of(job, target));
  } catch (const Error& error) {
    if (!again && error.kind() == ErrorKind::usage) {
      set_state(job, target, "");  // somebody made them just now: they are not the job's
    }
    throw;
  }
}

void create_on(Job& job, pg::Connection& source, JobTarget& target,
               const std::vector<Table>& tables) {
  const auto report = make_tables(job, source, target, tables);
  for (const auto& note : report.notes) {
    job.events->info(fmt::format("target {}: {}", target.record.id, note));
  }
  crash_point("schema_created");
  const auto batch = job.store->batch();
  capture_of_source(job, source, target);
  set_state(job, target, "created");
  for (const auto& text : report.brought) {
    job.warn(fmt::format("target {}: made without its rows: {}", target.record.id, text),
             "tables of the job can't be made without it");
  }
  job.note("schema", fmt::format("the tables are made on target {}", target.record.id));
  batch->commit();
  crash_point("schema_captured");
}

}  // namespace

void prepare_schema(Job& job, pg::Connection& source, const std::vector<Table>& tables) {
  if (!job.load.map.empty()) {
    throw Error(ErrorKind::usage, "--create-schema does not go with --map",
                "make the tables that have other names there by hand");
  }
  for (const auto& table : tables) {
    if (const auto child = child_difference(table)) {
      throw Error(ErrorKind::usage, child->message, child->hint);
    }
  }
  for (const auto& target : job.targets) {
    auto connection = job.connect_target(target, "schema");
    target::check_absent(connection, tables);
  }
  remove_schema_files(job.directory);  // of a run that was killed before its plan was stored
  target::dump_schema(source, tables, options_of(job));
  crash_point("schema_dumped");
}

void create_schema(Job& job) {
  if (!job.load.create_schema) {
    return;
  }
  for (auto& target : job.targets) {
    if (target.record.schema_state == "created" || job.set_aside.contains({0, target.record.id})) {
      continue;
    }
    auto source = job.connect("schema");
    create_on(job, source, target, tables_of(job));
  }
}

void finish_schema(Job& job) {
  if (!job.load.create_schema) {
    return;
  }
  auto source = job.connect("schema");
  for (const auto& target : job.targets) {
    auto connection = job.connect_target(target, "schema");
    const auto report =
        target::create_rest(source, connection, tables_of(job), options_of(job, target));
    for (const auto& note : report.notes) {
      job.warn(fmt::format("target {}: {}", target.record.id, note), "make it by hand if needed");
    }
    crash_point("schema_finished");
  }
}

void drop_schema(Job& job, const JobTarget& target) {
  if (target.record.schema_state.empty()) {
    return;
  }
  auto connection = job.connect_target(target, "schema");
  target::drop_tables(connection, tables_of(job), target.record.schema_state == "created",
                      options_of(job, target));
}

}  // namespace pgstride::job
