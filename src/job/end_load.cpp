#include "job/end_load.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/crash_point.hpp"
#include "job/deferred_step.hpp"
#include "job/handoff_facts.hpp"
#include "job/load_plan.hpp"
#include "job/rejects.hpp"
#include "job/schema_step.hpp"
#include "job/slot_advance.hpp"
#include "target/analyze.hpp"
#include "target/sequences.hpp"

namespace pgstride::job {

namespace {

void build_deferred_everywhere(Job& job) {
  int failed = 0;
  for (const auto& target : job.targets) {
    failed += build_deferred_objects(job, target);
  }
  if (failed > 0) {
    throw Error(ErrorKind::server,
                fmt::format("{} deferred indexes or constraints could not be built", failed),
                "all rows are there; mend the cause, then `pgstride resume`");
  }
}

void tell(Job& job, const JobTarget& target, const std::vector<target::Difference>& warnings) {
  for (const auto& warning : warnings) {
    job.warn(fmt::format("target {}: {}", target.record.id, warning.message), warning.hint);
  }
}

// Of the source, by the names that their tables have on the targets.
std::vector<target::SequenceValue> source_sequences(Job& job) {
  std::map<target::TableName, target::TableName> names;
  std::vector<target::TableName> tables;
  for (const auto& record : job.store->tables()) {
    const target::TableName name{record.table.schema, record.table.name};
    if (record.state != "removed" &&
        names.emplace(name, target_name(job.load, record.table)).second) {
      tables.push_back(name);
    }
  }
  try {
    auto source = job.connect("sequences");
    auto values = target::read_sequences(source, tables);
    for (auto& value : values) {
      value.table = names.at(value.table);
    }
    return values;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) {
      throw;
    }
    job.warn(fmt::format("sequences are not set: {}", error.what()), error.hint());
    return {};
  }
}

}  // namespace

bool is_loaded(const Job& job) {
  return job.loads() && std::all_of(job.targets.begin(), job.targets.end(),
                                    [](const auto& target) { return target.record.ended; });
}

void end_load(Job& job) {
  if (!is_loaded(job)) {
    build_deferred_everywhere(job);
    crash_point("deferred_built");
    finish_schema(job);
    const bool by_rows = job.record.verb == "import";  // there is no source to ask
    const auto sequences = by_rows ? std::vector<target::SequenceValue>{} : source_sequences(job);
    for (const auto& target : job.targets) {
      auto connection = job.connect_target(target, "end");
      tell(job, target,
           target::advance_sequences(
               connection, by_rows ? target::read_sequences_by_rows(connection, target_names(job))
                                   : sequences));
      tell(job, target, target::analyze_tables(connection, target_names(job)));
    }
    write_rejects(job);
    const auto batch = job.store->batch();
    for (auto& target : job.targets) {
      target.record.ended = true;
      job.store->put_target(target.record);
    }
    batch->commit();
  }
  crash_point("load_ended");
  advance_slot(job);
  if (!job.slot) {  // a refresh joins them anew
    drop_reject_parts(job);
  }
  write_handoff_files(job);
  if (!job.slot) {  // with one, the ledger tells until `clean` as of when the rows are
    for (const auto& target : job.targets) {
      auto connection = job.connect_target(target, "ledger");
      target.book->forget(connection);
    }
  }
  const auto batch = job.store->batch();
  job.record.state = "done";
  job.record.reason.clear();
  job.record.holders.clear();
  job.record.finished_us = now_us();
  job.save();
  job.note("done", "everything is loaded");
  batch->commit();
}

}  // namespace pgstride::job
