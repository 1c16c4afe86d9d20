#include "job/plan_step.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/crash_point.hpp"
#include "job/binary_columns.hpp"
#include "job/chunk_size.hpp"
#include "job/load_plan.hpp"
#include "job/schema_step.hpp"
#include "job/slot_step.hpp"
#include "pg/conninfo.hpp"
#include "plan/plan.hpp"

namespace pgstride::job {

namespace {

// Chunks that go to the checkpoint in one call: enough to be fast, few enough to stay small.
constexpr std::size_t k_chunk_batch = 1000;

// Cuts a stored table and stores its chunks, numbered on from `next_number`.
void store_chunks(Job& job, pg::Connection& connection, Table& table, std::int64_t rank,
                  std::int64_t& next_number) {
  std::vector<Chunk> pending;
  pending.reserve(k_chunk_batch);
  std::int64_t count = 0;
  const auto flush = [&] {
    job.store->add_chunks(rank, pending);
    pending.clear();
  };
  plan::cut_table(connection, table, job.chunk, [&](Chunk chunk) {
    chunk.table_id = table.id;
    chunk.number = next_number++;
    pending.push_back(std::move(chunk));
    ++count;
    if (pending.size() >= k_chunk_batch) {
      flush();
      if (job.stop.drain.stop_requested()) {
        throw Error(ErrorKind::stopped, "stopped while planning; nothing was begun");
      }
    }
  });
  flush();
  table.chunks = count;
}

}  // namespace

namespace {

void record_source(Job& job, pg::Connection& connection) {
  const auto identity = pg::server_identity(connection);
  job.record.source = pg::storable_conninfo(connection, job.conninfo);
  job.record.system_identifier = identity.system_identifier;
  job.record.database = identity.database;
  job.record.timeline = identity.timeline;
  job.record.server_version = identity.version;
  job.record.state = "planned";
}

void store_plan(Job& job, pg::Connection& connection, std::vector<Table> tables) {
  job.chunk = share_out(job.chunk, tables, worker_count(job.run));
  const auto batch = job.store->batch();
  job.save();
  if (job.slot) {
    job.store->put_slot(*job.slot);
  }
  if (job.loads()) {
    std::vector<checkpoint::TargetRecord> targets;
    for (const auto& target : job.targets) {
      targets.push_back(target.record);
    }
    job.store->set_targets(targets);
  }
  std::map<std::pair<std::string, std::string>, std::int64_t> next_number;
  std::int64_t rank = 0;
  for (auto& table : tables) {
    table.id = job.store->add_table(table);
    store_chunks(job, connection, table, rank++, next_number[{table.schema, table.name}]);
    job.store->put_table({table, "planned", "", ""});
    job.events->planned(table);
  }
  job.note("plan", fmt::format("{} tables planned", tables.size()));
  batch->commit();
}

// What the promise of one snapshot does not cover.
void tell_limits(Job& job, pg::Connection& connection, const std::vector<Table>& tables) {
  std::set<std::string> told;
  std::vector<const Table*> all;
  for (const auto& table : tables) {
    all.push_back(&table);
  }
  const auto foreign_views = plan::views_of_foreign_tables(connection, all);
  for (const auto& table : tables) {
    const bool view = foreign_views.contains(table.oid);
    if (table.kind == RelationKind::foreign_table || view) {
      job.events->warning(
          fmt::format("{} {} a foreign table: its own server gives its rows as they "
                      "are when they are read",
                      table.leaf_display_name(), view ? "reads" : "is"),
          "what is promised of the job's snapshot does not hold for it");
    }
    if (!table.where || !told.insert(table.display_name()).second ||
        !plan::filter_reads_tables(connection, table)) {
      continue;
    }
    if (job.run.consistency == Consistency::exact) {
      throw Error(ErrorKind::usage,
                  fmt::format("--consistency exact: the filter of table {} reads other tables",
                              table.display_name()),
                  "the job does not lock those; put what they say into the filter as constants");
    }
    job.events->warning(
        fmt::format("the filter of table {} reads other tables, which the job does not lock",
                    table.display_name()),
        "don't truncate or rewrite them while it runs");
  }
}

}  // namespace

void plan_job(Job& job) {
  auto& connection = job.questions();
  // A query for bounds must not queue behind somebody's ALTER for ever.
  connection.exec(fmt::format("SET lock_timeout = {}", job.run.lock_timeout.count()));
  record_source(job, connection);
  prepare_slot(job, connection);
  try {
    auto tables = plan::read_tables(connection, job.select, job.chunk);
    if (tables.empty()) {
      throw Error(ErrorKind::usage,
                  fmt::format("database \"{}\" has no tables to read", job.record.database),
                  "name them with --table, or check the exclusions");
    }
    tell_limits(job, connection, tables);
    check_publications(job, connection, tables);
    if (!job.loads() && job.output.format == Format::binary) {
      check_binary_columns(connection, tables);
    }
    if (job.loads() && job.load.create_schema) {
      prepare_schema(job, connection, tables);
    } else if (job.loads()) {
      plan_loads(job, connection, tables);  // throws, before anything is made, where one can't load
    }
    // Longest first, so that the workers end together.
    std::stable_sort(tables.begin(), tables.end(), [](const Table& a, const Table& b) {
      return a.estimated_bytes > b.estimated_bytes;
    });
    store_plan(job, connection, std::move(tables));
  } catch (const Error& error) {
    if (error.sqlstate() != "55P03") {
      throw;
    }
    throw Error(
        ErrorKind::lock, fmt::format("can't plan within --lock-timeout: {}", error.what()),
        "another session holds ACCESS EXCLUSIVE on a table of the job: end it, let it finish, "
        "or give a longer --lock-timeout");
  }
  crash_point("plan_stored");
}

std::int64_t replan_table(Job& job, pg::Connection& connection, checkpoint::TableRecord& record,
                          const Table& fresh, const std::string& reason) {
  const auto was_done = job.store->redo_table(record.table.id, 0, reason);
  auto number = job.store->next_number(record.table.schema, record.table.name);
  job.store->drop_chunks(record.table.id);
  const auto id = record.table.id;
  record.table = fresh;
  record.table.id = id;
  record.state = "planned";
  record.error.clear();
  record.consistency.clear();
  store_chunks(job, connection, record.table, id, number);
  job.store->put_table(record);
  job.note("redo", fmt::format("{} is planned anew: {}", fresh.leaf_display_name(), reason));
  return was_done;
}

void add_leaf(Job& job, pg::Connection& connection, Table fresh) {
  auto number = job.store->next_number(fresh.schema, fresh.name);
  fresh.id = job.store->add_table(fresh);
  store_chunks(job, connection, fresh, fresh.id, number);
  job.store->put_table({fresh, "planned", "", ""});
  job.note("plan", fmt::format("partition {} was added since and is {} too",
                               fresh.leaf_display_name(), transferred(job)));
}

}  // namespace pgstride::job
