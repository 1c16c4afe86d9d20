#include "job/target_step.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "job/deferred_step.hpp"
#include "job/end_load.hpp"
#include "job/identity_step.hpp"
#include "job/load_plan.hpp"
#include "job/schema_step.hpp"
#include "job/settings.hpp"
#include "pg/conninfo.hpp"
#include "target/schema_copy.hpp"
#include "target/target_table.hpp"

namespace pgstride::job {

namespace {

std::string shown(const checkpoint::TargetRecord& target) {
  return fmt::format("database \"{}\" of system {}", target.database, target.system_identifier);
}

bool is(const checkpoint::TargetRecord& target, const pg::ServerIdentity& identity) {
  return target.system_identifier == identity.system_identifier &&
         target.database == identity.database;
}

void check_role(const pg::ServerIdentity& identity) {
  if (identity.standby) {
    throw Error(
        ErrorKind::usage,
        fmt::format("the target \"{}\" is a standby, which can't be written", identity.database),
        "give its primary");
  }
}

/// Of one target: what its ledger says against what the checkpoint says.
class LedgerSettlement {
 public:
  LedgerSettlement(Job& job, pg::Connection& connection, JobTarget& target)
      : m_job(job), m_connection(connection), m_target(target) {
    for (const auto& table : target::ledger_tables(connection, target.run.job)) {
      m_generations[table.key] = table.generation;
      if (table.base == target::TableBase::held_rows) {
        target.full.insert(table.key);
      }
    }
    m_chunks = target::ledger_chunks(connection, target.run.job);
  }

  // The ledger decides; but what it holds of a table that is to be loaded again whole does not
  // count: it goes with the rows, before the first of them comes again. Returns how many chunks
  // were taken for done that are not in.
  int settle() {
    std::vector<std::pair<ChunkResult, std::string>> changes;
    int lost = 0;
    const auto current = root_generations(*m_job.store, m_target.record.id);
    std::map<std::int64_t, bool> counts;
    for (const auto& record : m_job.store->tables()) {
      const auto key = table_key(record.table);
      const auto known = m_generations.find(key);
      counts[record.table.id] = known != m_generations.end() && known->second == current.at(key);
    }
    m_job.store->each_delivery(0, "", [&](const checkpoint::Delivery& delivery) {
      if (delivery.result.target_id != m_target.record.id) {
        return;
      }
      const auto* entry = counts[delivery.chunk.table_id] ? find(delivery.chunk.id) : nullptr;
      if ((entry != nullptr) == (delivery.state == "done")) {
        return;
      }
      ChunkResult result;
      result.chunk_id = delivery.chunk.id;
      result.table_id = delivery.chunk.table_id;
      result.target_id = m_target.record.id;
      result.outcome = entry != nullptr ? Outcome::done : Outcome::cancelled;
      if (entry != nullptr) {
        result.set(entry->counts);
      }
      result.valid_lsn = entry != nullptr ? entry->valid_lsn : Lsn{};
      if (entry == nullptr) {
        ++lost;
      } else if (entry->valid_lsn == m_job.record.snapshot_lsn) {
        result.snapshot = m_job.record.snapshot;
      } else {
        m_job.older_chunks = true;
      }
      changes.emplace_back(result, entry != nullptr ? "" : "the target's ledger does not have it");
    });
    store(changes);
    return lost;
  }

 private:
  [[nodiscard]] const target::LedgerChunk* find(std::int64_t chunk_id) const {
    const auto at = std::lower_bound(
        m_chunks.begin(), m_chunks.end(), chunk_id,
        [](const target::LedgerChunk& chunk, std::int64_t id) { return chunk.chunk_id < id; });
    return at != m_chunks.end() && at->chunk_id == chunk_id ? &*at : nullptr;
  }

  void store(const std::vector<std::pair<ChunkResult, std::string>>& changes) {
    if (changes.empty()) {
      return;
    }
    const auto batch = m_job.store->batch();
    for (const auto& [result, reason] : changes) {
      m_job.store->settle(result, reason);
    }
    m_job.note("ledger", fmt::format("{} chunks settled as the ledger of target {} says",
                                     changes.size(), m_target.record.id));
    batch->commit();
  }

  Job& m_job;
  pg::Connection& m_connection;
  const JobTarget& m_target;
  std::map<std::string, std::int64_t> m_generations;
  std::vector<target::LedgerChunk> m_chunks;
};

void enter_target(Job& job, JobTarget& target) {
  auto connection = job.connect_target(target, "ledger");
  check_target(connection, target);
  target.run = target::enter_ledger(
      connection, job.record.uid, job.name, target.record.has_ledger,
      [&](const std::string& message, const std::string& hint) { job.warn(message, hint); });
  if (!target.record.has_ledger) {
    target.record.has_ledger = true;
    job.store->put_target(target.record);
  }
  LedgerSettlement(job, connection, target).settle();
}

bool is_set_aside(const Job& job, const JobTarget& target) {
  return job.set_aside.contains({0, target.record.id});
}

void give_up_target(Job& job, const JobTarget& target, const Error& error) {
  job.set_aside.insert({0, target.record.id});
  job.store->set_aside(0, target.record.id, error.full_text());
  job.warn(fmt::format("target {} ({}) is left out of this run: {}", target.record.id,
                       shown(target.record), error.what()),
           "`pgstride resume` goes on with what it lacks");
}

std::size_t targets_left(const Job& job) {
  return static_cast<std::size_t>(
      std::count_if(job.targets.begin(), job.targets.end(),
                    [&](const JobTarget& target) { return !is_set_aside(job, target); }));
}

// A table that is loaded again whole loses all it has there, also of the leaves that were not given
// up, as they share one table. A crash before it is emptied leaves them planned: the ledger does
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

std::vector<target::LedgerTable> tables_to_start(Job& job, const JobTarget& target,
                                                 pg::Connection& connection) {
  std::vector<target::LedgerTable> tables;
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

// The ledger is gone once the job is done; `verify` asks what stood there before it.
void record_held_rows(Job& job, JobTarget& target, pg::Connection& connection) {
  std::string held;
  for (const auto& table : target::ledger_tables(connection, target.run.job)) {
    if (table.base == target::TableBase::held_rows) {
      held += table.key + "\n";
    }
  }
  if (held != target.record.held_rows) {
    target.record.held_rows = held;
    job.store->put_target(target.record);
  }
}

void start_on(Job& job, JobTarget& target) {
  auto connection = job.connect_target(target, "tables");
  const auto tables = tables_to_start(job, target, connection);
  std::map<std::string, std::int64_t> known;
  for (const auto& table : target::ledger_tables(connection, target.run.job)) {
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
    refused = target::start_tables(connection, target.run, tables, job.load.truncate);
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

}  // namespace

void identify_targets(Job& job, const std::vector<std::string>& conninfos) {
  for (const auto& conninfo : conninfos) {
    JobTarget target;
    target.conninfo = conninfo;
    target.record.id = static_cast<std::int64_t>(job.targets.size()) + 1;
    target.record.kind = "database";
    auto connection = job.connect_target(target, "identity");
    const auto identity = pg::server_identity(connection);
    check_role(identity);
    for (const auto& other : job.targets) {
      if (is(other.record, identity)) {
        throw Error(ErrorKind::usage,
                    fmt::format("two --target name the same database \"{}\"", identity.database),
                    "leave one of them out");
      }
    }
    target.record.conninfo = pg::storable_conninfo(connection, conninfo);
    target.record.system_identifier = identity.system_identifier;
    target.record.database = identity.database;
    job.targets.push_back(std::move(target));
  }
}

void refuse_source_as_target(const Job& job, pg::Connection& source) {
  const auto identity = pg::server_identity(source);
  for (const auto& target : job.targets) {
    if (is(target.record, identity)) {
      throw Error(ErrorKind::usage,
                  fmt::format("--target is the source itself (database \"{}\")", identity.database),
                  "copy between two databases");
    }
  }
}

void check_target(pg::Connection& connection, const JobTarget& target) {
  const auto identity = pg::server_identity(connection);
  if (!is(target.record, identity)) {
    throw Error(ErrorKind::identity,
                fmt::format("target {} is database \"{}\" of system {}, but the job's is {}",
                            target.record.id, identity.database, identity.system_identifier,
                            shown(target.record)),
                "give the job's own server with --target");
  }
  check_role(identity);
}

void match_targets(Job& job, const std::vector<std::string>& conninfos) {
  for (auto& record : job.store->targets()) {
    JobTarget target;
    target.conninfo = record.conninfo;
    target.record = std::move(record);
    job.targets.push_back(std::move(target));
  }
  for (const auto& conninfo : conninfos) {
    JobTarget given;
    given.conninfo = conninfo;
    auto connection = job.connect_target(given, "identity");
    const auto identity = pg::server_identity(connection);
    const auto match =
        std::find_if(job.targets.begin(), job.targets.end(),
                     [&](const JobTarget& target) { return is(target.record, identity); });
    if (match == job.targets.end()) {
      throw Error(
          ErrorKind::identity,
          fmt::format("--target is database \"{}\" of system {}, which is none of the job's",
                      identity.database, identity.system_identifier),
          "pgstride status names them; begin another job for another target");
    }
    match->conninfo = conninfo;
  }
}

void enter_targets(Job& job) {
  for (auto& target : job.targets) {
    if (is_set_aside(job, target)) {
      continue;
    }
    try {
      enter_target(job, target);
    } catch (const Error& error) {
      if (!error.is_transient() || targets_left(job) < 2) {
        throw;
      }
      give_up_target(job, target, error);
    }
  }
}

void start_target_tables(Job& job) {
  for (auto& target : job.targets) {
    if (!is_set_aside(job, target)) {
      start_on(job, target);
    }
  }
}

std::optional<Error> confirm_targets(Job& job) {
  std::string names;
  for (auto& target : job.targets) {
    auto connection = job.connect_target(target, "confirm");
    target::check_run(connection, target.run);
    target::check_tables(connection, target.run, tables_to_start(job, target, connection));
    if (const int lost = LedgerSettlement(job, connection, target).settle(); lost > 0) {
      names += fmt::format("{}target {} has lost {} chunks that it had confirmed",
                           names.empty() ? "" : ", ", target.record.id, lost);
    }
  }
  if (names.empty()) {
    return std::nullopt;
  }
  return Error(ErrorKind::connection, names,
               "it was restored, or a standby took its place; they are loaded again");
}

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
    if (!target.record.has_ledger || target::in_ledger(connection, job.record.uid)) {
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
    target::check_absent(connection, tables);
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
    target::check_discard(connection, record->uid, names);
  }
  for (auto& target : job.targets) {
    if (target.record.schema_state.empty()) {
      build_deferred_objects(job, target);  // their definitions go with the checkpoint
    }
    auto connection = job.connect_target(target, "discard");
    target::discard_from_ledger(connection, record->uid, names);
    crash_point("ledger_discarded");
    target.record.has_ledger = false;  // nothing of the job is there any more
    job.store->put_target(target.record);
    if (!is_loaded(job)) {
      drop_schema(job, target);
    }
  }
  job.targets.clear();
  job.record = {};
  job.store.reset();
}

}  // namespace pgstride::job
