#include "json_shapes.hpp"

#include <cmath>

#include "human.hpp"
#include "words.hpp"

namespace pgstride::cli {

namespace {

/// To a thousandth: more digits would only be noise.
double rounded(double value) {
  return std::isfinite(value) ? std::round(value * 1000) / 1000 : 0;
}

Json or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json or_null(const std::optional<double>& value) {
  return value ? Json(rounded(*value)) : Json(nullptr);
}

Json time_or_null(std::int64_t microseconds) {
  return microseconds == 0 ? Json(nullptr) : Json(time_iso(microseconds));
}

/// `name` as X/Y and `name_int` as a decimal; null while unknown.
void put_lsn(Json& json, const std::string& name, Lsn lsn) {
  json[name] = lsn.value == 0 ? Json(nullptr) : Json(lsn.text());
  json[name + "_int"] = lsn.value == 0 ? Json(nullptr) : Json(lsn.value);
}

template <class Bound> Json bound_json(const std::optional<Bound>& bound) {
  return bound ? Json(*bound) : Json(nullptr);
}

void put_chunk(Json& json, const Chunk& chunk) {
  json["chunk"] = chunk.number;
  json["kind"] = word(chunk.kind);
  json["lower"] = bound_json(chunk.lower);
  json["upper"] = bound_json(chunk.upper);
  json["page_lower"] = bound_json(chunk.page_lower);
  json["page_upper"] = bound_json(chunk.page_upper);
  json["estimated_rows"] = chunk.estimated_rows;
  json["estimated_bytes"] = chunk.estimated_bytes;
}

Json leaf_json(const Table& table) {
  return table.is_leaf() ? Json(table.leaf_display_name()) : Json(nullptr);
}

void put_result(Json& json, const ChunkResult& result) {
  json["target"] = result.target_id;
  json["attempts"] = result.attempts;
  json["rows"] = result.rows;
  json["ignored"] = result.ignored;
  json["superseded"] = result.superseded;
  json["rejected"] = result.rejected;
  json["bytes"] = result.bytes;
  json["raw_bytes"] = result.raw_bytes;
  json["file"] = or_null(result.file);
  json["xxh3"] = or_null(result.xxh3);
  put_lsn(json, "lsn", result.valid_lsn);
  json["snapshot"] = or_null(result.snapshot);
  json["worker"] = result.worker;
  json["started"] = time_or_null(result.started_us);
  json["finished"] = time_or_null(result.finished_us);
  json["error"] = or_null(result.error);
}

Json table_status_json(const TableStatus& table) {
  Json json = {{"name", table.name},           {"key", or_null(table.key)},
               {"split", table.split},         {"state", table.state},
               {"chunks", table.chunks},       {"done", table.done},
               {"rows", table.rows},           {"bytes", table.bytes},
               {"rejected", table.rejected},   {"consistency", or_null(table.consistency)},
               {"redone", table.redone},       {"redo_reason", or_null(table.redo_reason)},
               {"error", or_null(table.error)}};
  if (table.published) {
    json["published"] = *table.published;
    json["unpublished"] = or_null(table.unpublished);
  }
  return json;
}

Json chunk_status_json(const ChunkStatus& status) {
  Json json{{"table", status.table}, {"leaf", or_null(status.leaf)}};
  put_chunk(json, status.chunk);
  json["state"] = status.state;
  json["redo_reason"] = or_null(status.redo_reason);
  put_result(json, status.result);
  return json;
}

}  // namespace

Json event_json(std::string_view name) {
  return {{"event", name}, {"v", 1}};
}

std::string json_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json planned_table_json(const Table& table) {
  return {
      {"schema", table.schema},
      {"name", table.name},
      {"leaf", leaf_json(table)},
      {"key", or_null(key_columns(table))},
      {"key_reason", table.key_reason},
      {"split", word(table.split)},
      {"chunks", table.chunks},
      {"estimated_rows", table.estimated_rows},
      {"estimated_bytes", table.estimated_bytes},
      {"max_over_avg", table.max_over_avg > 0 ? Json(rounded(table.max_over_avg)) : Json(nullptr)},
      {"warnings", table.warnings}};
}

Json plan_json(const std::vector<PlannedTable>& tables, const std::vector<std::string>& warnings,
               bool with_sql, bool with_explain) {
  Json list = Json::array();
  for (const PlannedTable& planned : tables) {
    Json table = planned_table_json(planned.table);
    table["formatted_by"] = word(planned.formatter);
    if (with_sql) {
      table["sql"] = planned.sql;
    }
    if (with_explain) {
      table["explain"] = planned.explain;
    }
    list.push_back(std::move(table));
  }
  return {{"tables", std::move(list)}, {"warnings", warnings}};
}

Json status_json(const JobStatus& status, bool with_chunks) {
  Json json{{"job", status.job},
            {"verb", status.verb},
            {"state", status.state},
            {"reason", or_null(status.reason)},
            {"alive", status.alive},
            {"held", status.held},
            {"pid", status.pid == 0 ? Json(nullptr) : Json(status.pid)},
            {"started", time_or_null(status.started_us)},
            {"finished", time_or_null(status.finished_us)},
            {"chunks",
             {{"total", status.chunks_total},
              {"done", status.chunks_done},
              {"running", status.chunks_running},
              {"failed", status.chunks_failed},
              {"redo", status.chunks_redo}}},
            {"rows", status.rows},
            {"bytes", status.bytes},
            {"estimated_rows", status.estimated_rows},
            {"percent", rounded(status.percent)},
            {"eta_s", or_null(status.eta_s)}};
  put_lsn(json, "start_lsn", status.start_lsn);
  put_lsn(json, "end_lsn", status.end_lsn);
  json["slot"] = or_null(status.slot);
  json["publication"] = or_null(status.publication);
  json["ledger"] = status.ledger ? Json(*status.ledger) : Json(nullptr);
  json["consistency"] = or_null(status.consistency);
  json["consistency_note"] = or_null(status.consistency_note);
  json["snapshot"] = or_null(status.snapshot);
  json["holders"] = status.holders;
  json["tables"] = Json::array();
  for (const TableStatus& table : status.tables) {
    json["tables"].push_back(table_status_json(table));
  }
  if (with_chunks) {
    // "chunks" holds the counts.
    json["chunk_list"] = Json::array();
    for (const ChunkStatus& chunk : status.chunks) {
      json["chunk_list"].push_back(chunk_status_json(chunk));
    }
  }
  return json;
}

namespace {

// Only where they were asked for.
void put_keys(Json& json, const Difference& difference) {
  if (difference.keys.empty()) {
    return;
  }
  json["keys"] = Json::array();
  for (const DifferingKey& key : difference.keys) {
    json["keys"].push_back({{"key", key.key}, {"what", key.what}});
  }
  json["more_keys"] = difference.more_keys;
}

}  // namespace

Json verify_json(const VerifyReport& report) {
  Json tables = Json::array();
  for (const VerifiedTable& table : report.tables) {
    Json differing = Json::array();
    for (const Difference& difference : table.differing) {
      differing.push_back({{"chunk", difference.chunk ? Json(*difference.chunk) : Json(nullptr)},
                           {"what", difference.what},
                           {"file", or_null(difference.file)},
                           {"expected", difference.expected},
                           {"found", difference.found}});
      put_keys(differing.back(), difference);
    }
    tables.push_back(
        {{"name", table.name}, {"chunks", table.chunks}, {"differing", std::move(differing)}});
  }
  return {{"ok", report.ok},
          {"consistency", or_null(report.consistency)},
          {"consistency_note", or_null(report.consistency_note)},
          {"tables", std::move(tables)}};
}

Json table_started_json(const TableStarted& event) {
  Json json = event_json("table_started");
  json["table"] = event.table;
  json["format"] = event.format;
  json["format_reason"] = or_null(event.format_reason);
  return json;
}

Json job_started_json(const JobStarted& event) {
  Json json = event_json("job_started");
  json["job"] = event.job;
  json["verb"] = event.verb;
  json["resumed"] = event.resumed;
  json["consistency"] = or_null(event.consistency);
  put_lsn(json, "start_lsn", event.start_lsn);
  json["workers"] = event.workers;
  json["tables"] = event.tables;
  json["chunks"] = event.chunks;
  json["chunks_done"] = event.chunks_done;
  json["estimated_rows"] = event.estimated_rows;
  json["estimated_bytes"] = event.estimated_bytes;
  return json;
}

Json chunk_started_json(const Table& table, const Chunk& chunk) {
  Json json = event_json("chunk_started");
  json["table"] = table.display_name();
  json["leaf"] = leaf_json(table);
  put_chunk(json, chunk);
  return json;
}

Json chunk_done_json(const Table& table, const ChunkResult& result,
                     std::optional<std::int64_t> number) {
  Json json = event_json("chunk_done");
  json["table"] = table.display_name();
  json["leaf"] = leaf_json(table);
  json["chunk"] = bound_json(number);
  json["outcome"] = word(result.outcome);
  put_result(json, result);
  return json;
}

Json table_done_json(const TableDone& event) {
  Json json = event_json("table_done");
  json["table"] = event.table;
  json["failed"] = event.failed;
  json["error"] = or_null(event.error);
  json["chunks"] = event.chunks;
  json["rows"] = event.rows;
  json["ignored"] = event.ignored;
  json["superseded"] = event.superseded;
  json["rejected"] = event.rejected;
  json["bytes"] = event.bytes;
  json["raw_bytes"] = event.raw_bytes;
  json["files"] = event.files;
  json["seconds"] = rounded(event.seconds);
  return json;
}

Json progress_json(const Progress& progress) {
  Json json = event_json("progress");
  json["tables_done"] = progress.tables_done;
  json["tables"] = progress.tables;
  json["chunks_done"] = progress.chunks_done;
  json["chunks"] = progress.chunks;
  json["rows"] = progress.rows;
  json["estimated_rows"] = progress.estimated_rows;
  json["bytes"] = progress.bytes;
  json["raw_bytes"] = progress.raw_bytes;
  json["percent"] = rounded(progress.percent);
  json["rows_per_s"] = rounded(progress.rows_per_s);
  json["bytes_per_s"] = rounded(progress.bytes_per_s);
  json["raw_bytes_per_s"] = rounded(progress.raw_bytes_per_s);
  json["eta_s"] = or_null(progress.eta_s);
  return json;
}

Json summary_json(std::string_view event, const JobSummary& summary) {
  Json json = event_json(event);
  json["job"] = summary.job;
  json["state"] = summary.state;
  json["reason"] = or_null(summary.reason);
  json["unchanged"] = summary.unchanged;
  json["tables"] = summary.tables;
  json["tables_failed"] = summary.tables_failed;
  json["rows"] = summary.rows;
  json["bytes"] = summary.bytes;
  json["raw_bytes"] = summary.raw_bytes;
  json["files"] = summary.files;
  json["chunks"] = summary.chunks;
  json["chunks_done"] = summary.chunks_done;
  json["seconds"] = rounded(summary.seconds);
  json["rows_per_s"] = rounded(summary.rows_per_s);
  json["bytes_per_s"] = rounded(summary.bytes_per_s);
  put_lsn(json, "start_lsn", summary.start_lsn);
  put_lsn(json, "end_lsn", summary.end_lsn);
  json["consistency"] = or_null(summary.consistency);
  json["consistency_note"] = or_null(summary.consistency_note);
  json["ignored"] = summary.ignored;
  json["superseded"] = summary.superseded;
  json["rejected"] = summary.rejected;
  return json;
}

Json exit_error_json(ExitCode code, std::string_view kind, const std::string& message,
                     const std::string& hint) {
  Json json = event_json("exit_error");
  json["exit_code"] = static_cast<int>(code);
  json["kind"] = kind;
  json["error"] = message;
  json["hint"] = or_null(hint);
  return json;
}

Json exit_error_json(ExitCode code, const Error& error) {
  Json json = exit_error_json(code, word(error.kind()), error.what(), error.hint());
  json["sqlstate"] = or_null(error.sqlstate());
  json["detail"] = or_null(error.detail());
  json["context"] = or_null(error.context());
  return json;
}

}  // namespace pgstride::cli
