#include "job/schema_step.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "job/deferred_step.hpp"
#include "job/directory.hpp"
#include "job/load_plan.hpp"
#include "plan/pattern.hpp"
#include "target/schema_copy.hpp"
#include "target/target_table.hpp"

namespace pgstride::job {

namespace {

// Sessions of an attempt that was killed are ended by their name, so it must be this job's alone.
target::SchemaOptions options_of(const Job& job) {
  return {.directory = job.directory,
          .pg_dump = job.load.pg_dump,
          .application_name = fmt::format("pgstride/{}/schema", job.record.uid),
          .target = "",
          .cancel = job.stop.drain};
}

target::SchemaOptions options_of(const Job& job, const JobTarget& target) {
  auto options = options_of(job);
  options.target = std::to_string(target.record.id);
  return options;
}

std::vector<Table> tables_of(Job& job) {
  std::vector<Table> tables;
  for (auto& record : job.store->tables()) {
    if (record.state != "removed") {
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
  for (const auto& text : report.brought) {
    job.warn(fmt::format("target {}: made without its rows: {}", target.record.id, text),
             "tables of the job can't be made without it");
  }
  crash_point("schema_created");
  const auto batch = job.store->batch();
  capture_of_source(job, source, target);
  set_state(job, target, "created");
  job.note("schema", fmt::format("the tables are made on target {}", target.record.id));
  batch->commit();
  crash_point("schema_captured");
}

// One that is named is refused instead, like a view.
void leave_out_materialized_views(Job& job, std::vector<Table>& tables) {
  const auto& patterns = job.select.tables;
  const bool named =
      !patterns.empty() && std::all_of(patterns.begin(), patterns.end(), [](const auto& text) {
        return plan::parse_table_pattern(text).exact;
      });
  const auto is_view = [](const Table& table) {
    return table.kind == RelationKind::materialized_view;
  };
  if (named || std::all_of(tables.begin(), tables.end(), is_view)) {
    return;
  }
  for (const auto& table : tables) {
    if (is_view(table)) {
      job.events->warning(fmt::format("materialized view {} is left out", table.display_name()),
                          "--create-schema makes tables only; make it on the target afterwards");
    }
  }
  std::erase_if(tables, is_view);
}

// On a target as the source's tables are, which is what pg_dump makes.
void refuse_without_needed_columns(pg::Connection& source, const std::vector<Table>& tables) {
  std::vector<target::TableName> names;
  for (const auto& table : tables) {
    names.push_back({table.schema, table.name});
  }
  const auto facts = target::read_target_tables(source, names);
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const auto& chosen = tables[i].columns;
    for (const auto& column : facts.tables[i].columns) {
      const bool loaded = std::any_of(chosen.begin(), chosen.end(),
                                      [&](const Column& one) { return one.name == column.name; });
      if (!loaded && column.not_null && !column.has_default && !column.generated) {
        throw Error(ErrorKind::usage,
                    fmt::format("--create-schema would make column \"{}\" of {}, which --columns "
                                "leaves out, NOT NULL without a default",
                                column.name, tables[i].display_name()),
                    "add it to --columns, or create the table by hand");
      }
    }
  }
}

void dump_anew(Job& job, pg::Connection& source, const std::vector<Table>& tables) {
  remove_schema_files(job.directory);
  target::dump_schema(source, tables, options_of(job));
  job.schema_dumped = true;
}

// The tables may have changed since an earlier run stored its plan. Once they are made on one
// target they must be the same on all.
void refresh_dump(Job& job) {
  const bool begun = std::any_of(job.targets.begin(), job.targets.end(), [](const auto& target) {
    return !target.record.schema_state.empty();
  });
  if (!begun && !job.schema_dumped) {
    auto source = job.connect("schema");
    dump_anew(job, source, tables_of(job));
  }
}

}  // namespace

void prepare_schema(Job& job, pg::Connection& source, std::vector<Table>& tables) {
  if (!job.load.map.empty()) {
    throw Error(ErrorKind::usage, "--create-schema does not go with --map",
                "make the tables that have other names there by hand");
  }
  leave_out_materialized_views(job, tables);
  refuse_without_needed_columns(source, tables);
  for (const auto& table : tables) {
    if (const auto child = child_difference(table)) {
      throw Error(ErrorKind::usage, child->message, child->hint);
    }
  }
  for (const auto& target : job.targets) {
    auto connection = job.connect_target(target, "schema");
    target::check_absent(connection, tables);
  }
  dump_anew(job, source, tables);
  crash_point("schema_dumped");
}

void create_schema(Job& job) {
  if (!job.load.create_schema) {
    return;
  }
  refresh_dump(job);
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
