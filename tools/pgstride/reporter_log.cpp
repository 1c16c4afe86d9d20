#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <fmt/format.h>

#include "human.hpp"
#include "json_shapes.hpp"
#include "pgstride/error.hpp"
#include "reporters.hpp"
#include "words.hpp"

namespace pgstride::cli {

namespace {

/// A line each: events as their JSON, so that the log can be read by people and searched by tools.
class LogReporter : public Events {
 public:
  LogReporter(std::shared_ptr<spdlog::logger> log, const InFlight& in_flight)
      : m_log(std::move(log)), m_in_flight(in_flight) {}

  void planned(const Table& table) override {
    m_log->info("plan {}", json_line(planned_table_json(table)));
  }
  void job_started(const JobStarted& event) override { put(job_started_json(event)); }
  void table_started(const TableStarted& event) override { put(table_started_json(event)); }
  void chunk_started(const Table& table, const Chunk& chunk) override {
    put(chunk_started_json(table, chunk));
  }
  void chunk_done(const Table& table, const ChunkResult& result) override {
    put(chunk_done_json(table, result, m_in_flight.number(result.chunk_id)));
  }
  void chunk_retried(const Table& table, std::int64_t chunk_number, int attempt,
                     const std::string& error) override {
    m_log->warn("chunk_retried {} chunk {} attempt {}: {}", printable(table.leaf_display_name()),
                chunk_number, attempt, printable(error));
  }
  void table_done(const TableDone& event) override { put(table_done_json(event)); }
  void progress(const Progress& event) override {
    // Several come each second; a log of days is for reading.
    const auto now = std::chrono::steady_clock::now();
    if (!m_last || now - *m_last >= std::chrono::seconds(5)) {
      m_last = now;
      put(progress_json(event));
    }
  }
  void warning(const std::string& message, const std::string& hint) override {
    m_log->warn("{}{}{}", printable(message), hint.empty() ? "" : " HINT: ", printable(hint));
  }
  void info(const std::string& message) override { m_log->info("{}", printable(message)); }
  void paused(const JobSummary& summary) override { put(summary_json("paused", summary)); }
  void job_done(const JobSummary& summary) override { put(summary_json("job_done", summary)); }

 private:
  void put(Json json) {
    const std::string name = json["event"];
    json.erase("event");
    json.erase("v");
    m_log->info("{} {}", name, json_line(json));
  }

  std::shared_ptr<spdlog::logger> m_log;
  const InFlight& m_in_flight;
  std::optional<std::chrono::steady_clock::time_point> m_last;  ///< of `progress`
};

}  // namespace

std::unique_ptr<Events> make_log_reporter(const std::string& file, const std::string& level,
                                          const InFlight& in_flight) {
  try {
    auto log = std::make_shared<spdlog::logger>(
        "pgstride", std::make_shared<spdlog::sinks::basic_file_sink_st>(file));
    log->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %P %l %v");
    log->set_level(spdlog::level::from_str(level));
    log->flush_on(spdlog::level::trace);
    return std::make_unique<LogReporter>(std::move(log), in_flight);
  } catch (const spdlog::spdlog_ex& error) {
    throw Error(ErrorKind::usage, fmt::format("--log-file: {}", error.what()),
                "name a file in a directory that exists and can be written to");
  }
}

}  // namespace pgstride::cli
