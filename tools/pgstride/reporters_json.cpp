#include <unistd.h>

#include "json_output.hpp"
#include "json_shapes.hpp"
#include "reporters.hpp"

namespace pgstride::cli {

void JsonReporter::planned(const Table& table) {
  Json json = event_json("plan");
  json.update(planned_table_json(table));
  print_json(json);
}

void JsonReporter::job_started(const JobStarted& event) {
  print_json(job_started_json(event));
}

void JsonReporter::table_started(const TableStarted& event) {
  print_json(table_started_json(event));
}

void JsonReporter::chunk_started(const Table& table, const Chunk& chunk) {
  print_json(chunk_started_json(table, chunk));
}

void JsonReporter::chunk_done(const Table& table, const ChunkResult& result) {
  print_json(chunk_done_json(table, result, m_in_flight.number(result.chunk_id)));
}

void JsonReporter::chunk_retried(const Table& table, std::int64_t chunk_number, int attempt,
                                 const std::string& error) {
  Json json = event_json("chunk_retried");
  json["table"] = table.display_name();
  json["leaf"] = table.is_leaf() ? Json(table.leaf_display_name()) : Json(nullptr);
  json["chunk"] = chunk_number;
  json["attempt"] = attempt;
  json["error"] = error;
  print_json(json);
}

void JsonReporter::table_done(const TableDone& event) {
  print_json(table_done_json(event));
}

void JsonReporter::progress(const Progress& event) {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  if (m_last && now - *m_last < 1s) {
    return;
  }
  m_last = now;
  print_json(progress_json(event));
}

void JsonReporter::warning(const std::string& message, const std::string& hint) {
  Json json = event_json("warning");
  json["message"] = message;
  json["hint"] = hint.empty() ? Json(nullptr) : Json(hint);
  print_json(json);
}

void JsonReporter::paused(const JobSummary& summary) {
  m_ended = true;
  print_json(summary_json("paused", summary));
}

void JsonReporter::job_done(const JobSummary& summary) {
  m_ended = true;
  print_json(summary_json("job_done", summary));
}

}  // namespace pgstride::cli
