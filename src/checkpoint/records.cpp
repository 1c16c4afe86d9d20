#include "checkpoint/records.hpp"

#include <fmt/format.h>

#include <array>
#include <tuple>
#include <utility>

#include "checkpoint/json_text.hpp"

namespace pgstride::checkpoint {

namespace {

/// The job's fields in the order of the columns, for reading and for writing.
template <typename Job> auto job_fields(Job& job) {
  return std::tie(job.uid, job.name, job.verb, job.tool_version, job.state, job.reason,
                  job.settings, job.run_settings, job.source, job.system_identifier, job.database,
                  job.server_version, job.timeline, job.consistency, job.slot, job.publication,
                  job.start_lsn, job.end_lsn, job.snapshot_lsn, job.snapshot, job.first_snapshot,
                  job.holders, job.pid, job.created_us, job.started_us, job.finished_us,
                  job.worked_us);
}

constexpr std::array<std::pair<RelationKind, std::string_view>, 5> k_kinds{{
    {RelationKind::table, "table"},
    {RelationKind::leaf_partition, "leaf partition"},
    {RelationKind::materialized_view, "materialized view"},
    {RelationKind::view, "view"},
    {RelationKind::foreign_table, "foreign table"},
}};

constexpr std::array<std::pair<Split, std::string_view>, 3> k_splits{{
    {Split::none, "none"},
    {Split::key, "key"},
    {Split::ctid, "ctid"},
}};

template <typename Names, typename Value> std::string name_of(const Names& names, Value value) {
  for (const auto& [known, name] : names) {
    if (known == value) {
      return std::string(name);
    }
  }
  throw Error(ErrorKind::internal, "a table's kind or split has no name in the checkpoint");
}

template <typename Names>
auto value_of(const Names& names, const std::string& text) -> decltype(names[0].first) {
  for (const auto& [known, name] : names) {
    if (name == text) {
      return known;
    }
  }
  throw std::invalid_argument(fmt::format("unknown word \"{}\"", text));
}

/// What of a table is stored in another form.
struct TableTexts {
  std::string kind;
  std::string replica_identity;
  std::string columns;
  std::string split;
  std::optional<std::string> key;
  std::string warnings;
};

TableTexts texts_of(const Table& table) {
  TableTexts texts;
  texts.kind = name_of(k_kinds, table.kind);
  texts.replica_identity = std::string(1, table.replica_identity);
  texts.columns = columns_to_json(table.columns);
  texts.split = name_of(k_splits, table.split);
  if (table.key) {
    texts.key = key_to_json(*table.key);
  }
  texts.warnings = texts_to_json(table.warnings);
  return texts;
}

void take_texts(Table& table, const TableTexts& texts) {
  table.kind = value_of(k_kinds, texts.kind);
  table.replica_identity = texts.replica_identity.at(0);
  table.columns = columns_from_json(texts.columns);
  table.split = value_of(k_splits, texts.split);
  if (texts.key) {
    table.key = key_from_json(*texts.key);
  }
  table.warnings = texts_from_json(texts.warnings);
}

/// The table's fields in the order of the columns from `schema` to `error`.
template <typename Record, typename Texts> auto table_fields(Record& record, Texts& texts) {
  auto& table = record.table;
  return std::tie(table.schema, table.name, table.leaf_schema, table.leaf_name, texts.kind,
                  table.oid, table.root_oid, table.relfilenode, texts.replica_identity,
                  texts.columns, table.where, texts.split, texts.key, table.key_reason,
                  table.estimated_rows, table.estimated_bytes, table.chunks, table.max_over_avg,
                  texts.warnings, record.state, record.consistency, record.error);
}

}  // namespace

std::optional<JobRecord> read_job(Database& db) {
  Query query = db.query(R"(
    SELECT uid, name, verb, tool_version, state, reason, settings, run_settings, source,
           system_identifier, database, server_version, timeline, consistency, slot, publication,
           start_lsn, end_lsn, snapshot_lsn, snapshot, first_snapshot, holders, pid,
           created_us, started_us, finished_us, worked_us
      FROM job)");
  if (!query.next()) {
    return std::nullopt;
  }
  JobRecord job;
  std::apply([&](auto&... fields) { query.read(fields...); }, job_fields(job));
  return job;
}

void write_job(Database& db, const JobRecord& job) {
  std::apply(
      [&](const auto&... fields) {
        db.execute(R"(
          INSERT OR REPLACE INTO job (
                 id, uid, name, verb, tool_version, state, reason, settings, run_settings, source,
                 system_identifier, database, server_version, timeline, consistency, slot,
                 publication, start_lsn, end_lsn, snapshot_lsn, snapshot, first_snapshot, holders,
                 pid, created_us, started_us, finished_us, worked_us)
          VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                 ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27))",
                   fields...);
      },
      job_fields(job));
}

std::int64_t insert_table(Database& db, const Table& table) {
  const TableRecord record{.table = table, .state = "planned", .consistency = {}, .error = {}};
  const TableTexts texts = texts_of(table);
  std::apply(
      [&](const auto&... fields) {
        db.execute(R"(
          INSERT INTO tbl (schema, name, leaf_schema, leaf_name, kind, oid, root_oid, relfilenode,
                 replica_identity, columns, filter, split, key, key_reason, estimated_rows,
                 estimated_bytes, chunks, max_over_avg, warnings, state, consistency, error)
          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                 ?19, ?20, ?21, ?22))",
                   fields...);
      },
      table_fields(record, texts));
  return db.last_id();
}

void update_table(Database& db, const TableRecord& record) {
  const TableTexts texts = texts_of(record.table);
  std::int64_t changed = 0;
  std::apply(
      [&](const auto&... fields) {
        changed = db.execute(R"(
          UPDATE tbl SET schema = ?1, name = ?2, leaf_schema = ?3, leaf_name = ?4, kind = ?5,
                 oid = ?6, root_oid = ?7, relfilenode = ?8, replica_identity = ?9, columns = ?10,
                 filter = ?11, split = ?12, key = ?13, key_reason = ?14, estimated_rows = ?15,
                 estimated_bytes = ?16, chunks = ?17, max_over_avg = ?18, warnings = ?19,
                 state = ?20, consistency = ?21, error = ?22
           WHERE id = ?23)",
                             fields..., record.table.id);
      },
      table_fields(record, texts));
  if (changed != 1) {
    throw Error(ErrorKind::internal, fmt::format("table {} with id {} is not in the checkpoint",
                                                 record.table.display_name(), record.table.id));
  }
}

std::vector<TableRecord> read_tables(Database& db) {
  std::vector<TableRecord> records;
  Query query = db.query(R"(
    SELECT schema, name, leaf_schema, leaf_name, kind, oid, root_oid, relfilenode,
           replica_identity, columns, filter, split, key, key_reason, estimated_rows, estimated_bytes, chunks, max_over_avg,
           warnings, state, consistency, error, id
      FROM tbl ORDER BY id)");
  while (query.next()) {
    TableRecord& record = records.emplace_back();
    TableTexts texts;
    std::apply([&](auto&... fields) { query.read(fields..., record.table.id); },
               table_fields(record, texts));
    try {
      take_texts(record.table, texts);
    } catch (const std::exception& error) {
      throw db.damaged(fmt::format("table {}: {}", record.table.id, error.what()));
    }
  }
  return records;
}

void insert_event(Database& db, const EventRecord& event) {
  db.execute("INSERT INTO event (time_us, kind, message) VALUES (?1, ?2, ?3)", event.time_us,
             event.kind, event.message);
}

std::vector<EventRecord> read_events(Database& db) {
  std::vector<EventRecord> events;
  Query query = db.query("SELECT time_us, kind, message FROM event ORDER BY id");
  while (query.next()) {
    EventRecord& event = events.emplace_back();
    query.read(event.time_us, event.kind, event.message);
  }
  return events;
}

}  // namespace pgstride::checkpoint
