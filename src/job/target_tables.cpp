#include "job/target_tables.hpp"

#include <map>
#include <set>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "job/identity_step.hpp"
#include "job/load_plan.hpp"
#include "job/unload_step.hpp"
#include "target/target_table.hpp"

namespace pgstride::job {

namespace {

// A table that is loaded again whole loses all it has there, also of the leaves that were not given
// up, as they share one table. A crash before it is emptied leaves them planned: the book does
// not count under an older generation.
void forget_loaded(Job& job, const JobTarget& target, const std::set<std::string>& keys) {
  std::vector<ChunkResult> loaded;
  const auto batch = job.store->batch();
  for (auto record : job.store->tables()) {
    if (record.state == "removed" || !keys.contains(table_key(record.table))) {
      continue;
    }
    job.store->each_delivery(record.table.id, "done", [&](const checkpoint::Delivery& delivery) {
      if (delivery.result.target_id == target.record.id) {
        loaded.push_back(delivery.result);
        loaded.back().outcome = Outcome::cancelled;
      }
    });
    if (record.state == "done") {
      record.state = "planned";
      job.store->put_table(record);
    }
  }
  for (const auto& result : loaded) {
    job.store->settle(result, "its table is loaded again whole");
  }
  batch->commit();
}

}  // namespace

std::vector<target::BookedTable> tables_to_start(Job& job, const JobTarget& target,
                                                 pg::Connection& connection) {
  std::vector<target::BookedTable> tables;
  const auto generations = root_generations(*job.store, target.record.id);
  std::vector<target::TableName> names;
  for (const auto& [key, generation] : generations) {
    auto& table = tables.emplace_back();
    table.key = key;
    table.generation = generation;
  }
  std::map<std::string, target::TableName> by_key;
  for (const auto& record : job.store->tables()) {
    by_key[table_key(record.table)] = target_name(job.load, record.table);
  }
  for (auto& table : tables) {
    table.name = by_key.at(table.key);
    names.push_back(table.name);
  }
  const auto facts = target::read_target_tables(connection, names);
  const auto bare =
      target.record.schema_state.empty() ? target::TableBase::empty : target::TableBase::created;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    tables[i].oid = facts.tables[i].oid;
    tables[i].base = facts.tables[i].has_rows.value_or(true) ? target::TableBase::held_rows : bare;
  }
  return tables;
}

namespace {

// The book is gone once the job is done; `verify` asks what stood there before it.
void record_held_rows(Job& job, JobTarget& target, pg::Connection& connection) {
  std::string held;
  for (const auto& table : target.book->tables(connection)) {
    if (table.base == target::TableBase::held_rows) {
      held += table.key + "\n";
    }
  }
  if (held != target.record.held_rows) {
    target.record.held_rows = held;
    job.store->put_target(target.record);
  }
}

}  // namespace

void start_tables_of(Job& job, JobTarget& target) {
  unload_dirty(job, target);
  auto connection = job.connect_target(target, "tables");
  const auto tables = tables_to_start(job, target, connection);
  std::map<std::string, std::int64_t> known;
  for (const auto& table : target.book->tables(connection)) {
    known[table.key] = table.generation;
  }
  std::set<std::string> again;
  for (const auto& table : tables) {
    if (!known.contains(table.key) && table.base == target::TableBase::held_rows &&
        !job.load.truncate && job.record.verb == "copy") {
      job.warn(fmt::format("table {} of target {} holds rows already: they stay",
                           table.name.display(), target.record.id),
               "--truncate empties it first; as it is, what was loaded can't be taken out again "
               "should the snapshot be lost");
    }
    if (const auto entered = known.find(table.key);
        entered != known.end() && entered->second < table.generation) {
      again.insert(table.key);
    }
  }
  if (!again.empty()) {
    forget_loaded(job, target, again);
  }
  crash_point("tables_forgotten");
  connection.exec(fmt::format("SET lock_timeout = {}", job.run.lock_timeout.count()));
  target::RefusedTables refused;
  try {
    refused = target.book->start_tables(connection, tables, job.load.truncate);
  } catch (const Error& error) {
    if (error.sqlstate() != "55P03") {
      throw;
    }
    throw Error(ErrorKind::lock,
                fmt::format("can't empty tables of target {} within --lock-timeout: {}",
                            target.record.id, error.what()),
                "end the sessions that use them, or give a longer --lock-timeout");
  }
  record_held_rows(job, target, connection);
  for (const auto& record : job.store->tables()) {
    const auto why = refused.find(table_key(record.table));
    if (record.state != "removed" && record.state != "failed" && why != refused.end()) {
      fail_table(job, record,
                 fmt::format("table {} can't be loaded again whole into target {}: {}",
                             record.table.display_name(), target.record.id, why->second));
    }
  }
}

}  // namespace pgstride::job
