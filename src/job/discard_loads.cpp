#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "job/deferred_step.hpp"
#include "job/end_load.hpp"
#include "job/identity_step.hpp"
#include "job/load_plan.hpp"
#include "job/schema_step.hpp"
#include "job/settings.hpp"
#include "job/target_identity.hpp"
#include "job/target_step.hpp"
#include "target/schema_copy.hpp"
#include "target/target_table.hpp"

namespace pgstride::job {

namespace {

// What was loaded where the ledger is gone (of a job that is done, or by `clean`) can't be taken
// out.
void check_restart_without_ledger(Job& job, const LoadOptions& load) {
  std::vector<target::TableName> names;
  for (const auto& record : job.store->tables()) {
    names.push_back(target_name(load, record.table));
  }
  std::string full;
  for (const auto& target : job.targets) {
    auto connection = job.connect_target(target, "discard");
    // The ledger of a job with a slot outlives its end; what it loaded may have been changed since.
    if (!target.record.has_ledger || (target.book->knows_job(connection) && !target.record.ended)) {
      continue;
    }
    for (const auto& table : target::read_target_tables(connection, names).tables) {
      if (table.exists() && table.has_rows.value_or(true)) {
        full = table.name.display();
      }
    }
  }
  if (!full.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("--restart can't take out what the job has loaded, e.g. into table {}: "
                            "its ledger is gone, and nothing tells its rows from others any more",
                            full),
                "add --truncate to empty the tables, or use another --job to add the rows again");
  }
}

// The tables that a job has made are not dropped any more once it is done.
void check_restart_creates(Job& job) {
  std::vector<Table> tables;
  for (auto& record : job.store->tables()) {
    tables.push_back(std::move(record.table));
  }
  for (const auto& target : job.targets) {
    auto connection = job.connect_target(target, "discard");
    try {
      target::check_absent(connection, tables);
    } catch (Error& error) {
      if (error.kind() == ErrorKind::usage && job.record.state != "done") {
        error.with_hint("everything is loaded: `pgstride resume` ends the job. To make the tables "
                        "anew, drop them first");
      }
      throw;
    }
  }
}

}  // namespace

void discard_loads(Job& job, const std::vector<std::string>& conninfos) {
  if (!checkpoint::has_store(job.directory)) {
    return;
  }
  job.store = checkpoint::open_store(job.directory);
  const auto record = job.store->job();
  if (!record || record->verb == "export") {
    job.store.reset();
    return;
  }
  job.record = *record;
  match_targets(job, conninfos);
  const auto load = load_settings(record->settings);
  std::map<std::string, target::TableName> names;
  for (const auto& table : job.store->tables()) {
    names[table_key(table.table)] = target_name(load, table.table);
  }
  if (is_loaded(job) && job.load.create_schema) {
    check_restart_creates(job);
  } else if (!job.load.truncate) {
    check_restart_without_ledger(job, load);
  }
  for (const auto& target : job.targets) {
    auto connection = job.connect_target(target, "discard");
    target.book->check_discard(connection, names);
  }
  for (auto& target : job.targets) {
    auto connection = job.connect_target(target, "discard");
    target.book->discard(connection, names);
    crash_point("ledger_discarded");
    target.record.has_ledger = false;  // nothing of the job is there any more
    job.store->put_target(target.record);
    if (target.record.schema_state.empty()) {
      build_deferred_objects(job, target);  // their definitions go with the checkpoint
    }
    if (!is_loaded(job)) {
      drop_schema(job, target);
    }
  }
  job.targets.clear();
  job.record = {};
  job.store.reset();
}

}  // namespace pgstride::job
