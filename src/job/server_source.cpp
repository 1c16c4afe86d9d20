#include "job/server_source.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "archive/names.hpp"
#include "base/backoff.hpp"
#include "base/durable_file.hpp"
#include "handoff/table_locks.hpp"
#include "job/client_format.hpp"
#include "job/copy_sql.hpp"
#include "job/directory.hpp"
#include "job/end_step.hpp"
#include "job/exact_step.hpp"
#include "job/freezing.hpp"
#include "job/range_check.hpp"
#include "job/snapshot_step.hpp"
#include "pg/conninfo.hpp"
#include "pg/quote.hpp"
#include "plan/plan.hpp"
#include "transfer/file_copier.hpp"
#include "transfer/table_copier.hpp"

namespace pgstride::job {

namespace {

// Workers lock so many tables ahead at most: each takes an entry per worker in the server's lock
// table, which has 64 a connection by default (max_locks_per_transaction).
constexpr std::size_t k_lock_ahead = 200;

transfer::LockedTable locked_table(const Table& table) {
  return {handoff::lock_statement(handoff::lock_target(table)),
          pg::quote_qualified(table.leaf_schema, table.leaf_name), table.oid, table.relfilenode};
}

std::vector<std::string> ids_of(const handoff::SnapshotHolders& holders) {
  std::vector<std::string> ids;
  for (const auto& holder : holders.holders()) {
    ids.push_back(holder.exported_id);
  }
  return ids;
}

// The targets may have changed since the last run.
LoadPlan plan_loads_again(Job& job) {
  std::vector<Table> tables;
  for (auto& record : job.store->tables()) {
    if (record.state != "removed" && record.state != "failed") {
      tables.push_back(std::move(record.table));
    }
  }
  return plan_loads(job, job.questions(), tables);
}

void make_table_directories(const Job& job) {
  for (const auto& parent : parent_tables(*job.store)) {
    make_directories(job.directory /
                     archive::table_directory(parent.table.schema, parent.table.name));
  }
}

}  // namespace

void ServerSource::check() {
  check_identity(m_job);
}

bool ServerSource::open() {
  m_holders = hold_snapshot(m_job);
  release_former_holder();
  return m_holders.has_value();
}

void ServerSource::plan() {
  if (m_job.loads()) {
    m_loads = plan_loads_again(m_job);
    forbid_freezing(m_job, m_loads);
  } else {
    make_table_directories(m_job);
  }
}

void ServerSource::prepare(const std::vector<const Table*>& tables,
                           transfer::WorkerSettings& settings) {
  m_board.emplace(m_holders->snapshot().text, m_holders->snapshot().lsn);
  m_board->set_ids(ids_of(*m_holders));
  m_foreign_views = plan::views_of_foreign_tables(m_job.questions(), tables);
  choose_formats(m_job.questions(), tables);
  m_job.question_session.reset();
  settings.conninfo = m_job.conninfo;
  settings.compression = m_job.output.compression;
  if (tables.size() <= k_lock_ahead) {
    for (const auto* table : tables) {
      settings.tables.push_back(locked_table(*table));
    }
  }
}

void ServerSource::choose_formats(pg::Connection& connection,
                                  const std::vector<const Table*>& tables) {
  if (m_job.loads() || m_job.output.format == Format::binary) {
    return;
  }
  const auto types = read_type_formats(connection, tables);
  for (const auto* table : tables) {
    if (auto format = client_format(*table, types)) {
      const auto columns = row_format(m_job.output, format->columns.size());
      m_files[table->id] = {std::move(format->select_list),
                            std::make_shared<const format::RowEncoding>(
                                format::RowEncoding{columns, std::move(format->columns)})};
    }
  }
}

std::unique_ptr<transfer::ChunkCopier>
ServerSource::make_copier(int number, const transfer::WorkerSettings& settings,
                          transfer::RateLimiter& limiter, transfer::WorkerProgress& progress,
                          const target::OnJobThread& on_job_thread) {
  if (m_job.loads()) {
    return std::make_unique<transfer::TableCopier>(number, settings, *m_board, limiter, progress,
                                                   on_job_thread);
  }
  return std::make_unique<transfer::FileCopier>(number, settings, *m_board, limiter, progress);
}

void ServerSource::describe(transfer::CopyTask& task, const Chunk& chunk, const Table& table) {
  task.table = locked_table(table);
  if (m_job.loads()) {
    for_tables(task, chunk, table);
  } else {
    for_file(task, chunk, table);
  }
}

void ServerSource::for_file(transfer::CopyTask& task, const Chunk& chunk,
                            const Table& table) const {
  if (const auto own = m_files.find(table.id); own != m_files.end()) {
    task.select = plan::chunk_select(table, chunk, own->second.select_list);
    task.encoding = own->second.encoding;
    task.copy_options = "FORMAT binary";
  } else {
    task.select = plan::chunk_select(table, chunk);
    task.copy_options = copy_options(m_job.output);
  }
  task.path = archive::chunk_path(table.schema, table.name, chunk.number, m_job.output.format,
                                  m_job.output.compression.method);
  task.header = header_bytes(m_job.output, table.columns);
}

void ServerSource::for_tables(transfer::CopyTask& task, const Chunk& chunk, Table table) const {
  const auto& load = m_loads.at(table.id);
  task.table_key = table_key(table);
  table.columns = load.columns;
  task.select = plan::chunk_select(table, chunk);
  task.copy_options = load.wire == Format::binary ? "FORMAT binary" : "FORMAT text";
  for (const auto target : task.targets) {
    task.load_sql.push_back(load.copy_sql.at(target));
    task.ways.push_back(load.ways.at(target));
  }
  task.frozen = load.frozen;
  for (const auto& [target, name] : load.by_range) {
    if (auto sql = occupied_sql(table, chunk, name); !sql.empty()) {
      task.occupied_sql[target] = std::move(sql);
    }
  }
}

TableStarted ServerSource::started(const Table& table) const {
  if (!m_job.loads()) {
    return {table.display_name(), archive::format_name(m_job.output.format), ""};
  }
  const auto& load = m_loads.at(table.id);
  return {table.display_name(), archive::format_name(load.wire), load.reason};
}

std::string ServerSource::consistency(const Table& table) const {
  const bool elsewhere =
      table.kind == RelationKind::foreign_table || m_foreign_views.contains(table.oid);
  return elsewhere ? "fuzzy" : "exact";
}

void ServerSource::tend() {
  m_slot_watch.look();
  if (m_board->lost()) {
    return;
  }
  try {
    if (m_holders->tend()) {
      m_board->set_ids(ids_of(*m_holders));
      m_job.record.holders = handoff::to_text(m_holders->holders());
      m_job.save();
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::snapshot) {
      m_board->set_lost();
    }
    throw;
  }
}

// Keeps the snapshot's sessions until a resume has taken them over, or a stop, or they are lost.
void ServerSource::hold_until_released() {
  if (!m_holders) {
    return;
  }
  const JobLock held(m_job.directory, k_hold_lock);
  set_release_request(m_job.directory, false);
  set_held(m_job.directory, handoff::to_text(m_holders->holders()));
  set_pause_request(m_job.directory, PauseRequest::none);
  m_job.store.reset();
  m_job.lock.reset();
  m_job.events->info(
      "the snapshot is held until `pgstride resume` takes it over; Ctrl-C lets it go");
  while (!release_requested(m_job.directory)) {
    try {
      if (m_holders->tend()) {
        set_held(m_job.directory, handoff::to_text(m_holders->holders()));
      }
    } catch (const Error& error) {
      m_job.events->warning(error.what(), "a resume goes on as after a crash");
      break;
    }
    if (!sleep_for(std::chrono::milliseconds(200), m_job.stop.cancel) ||
        m_job.stop.drain.stop_requested()) {
      break;
    }
  }
  set_held(m_job.directory, "");
  set_release_request(m_job.directory, false);
}

// A process that paused with --hold is not needed any more: its snapshot is ours now, or useless.
void ServerSource::release_former_holder() {
  if (!liveness(m_job.directory).held) {
    return;
  }
  set_release_request(m_job.directory, true);
  while (liveness(m_job.directory).held) {
    if (!sleep_for(std::chrono::milliseconds(50), m_job.stop.cancel)) {
      throw Error(ErrorKind::stopped, "stopped while the former process let its snapshot go");
    }
  }
  set_release_request(m_job.directory, false);
}

void check_identity(Job& job) {
  const auto now = pg::server_identity(job.questions());
  if (now.system_identifier != job.record.system_identifier ||
      now.database != job.record.database) {
    throw Error(
        ErrorKind::identity,
        fmt::format("the source is database \"{}\" of system {}, but the job's is \"{}\" of "
                    "system {}",
                    now.database, now.system_identifier, job.record.database,
                    job.record.system_identifier),
        "give the job's own server with --source, or another directory");
  }
  if (now.timeline != job.record.timeline) {
    if (resumes_exactly(job)) {
      throw Error(
          ErrorKind::identity,
          fmt::format("the source is on timeline {}, the job's rows are of {}: a standby was "
                      "promoted or the server was restored, and may have lost what they show",
                      now.timeline, job.record.timeline),
          "begin again with --restart; --consistency fuzzy goes on without an exact hand-off");
    }
    job.warn(
        fmt::format("the source is on timeline {}, the job began on {}: a standby was promoted "
                    "or the server was restored",
                    now.timeline, job.record.timeline),
        "commits that the old primary had and this server lacks may be in the files; export "
        "again with --restart if that matters");
    job.record.timeline = now.timeline;
  }
}

}  // namespace pgstride::job
