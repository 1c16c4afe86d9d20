// Renderings of a job's events. Each is called from the job's own thread, one call at a time; what
// they share with the signal thread (Screen, the count in flight) guards itself.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "pgstride/events.hpp"
#include "screen.hpp"

namespace pgstride::cli {

/// Passes every event on to several, in order.
class Fanout : public Events {
 public:
  void add(Events& events) { m_all.push_back(&events); }

  void planned(const Table& table) override;
  void job_started(const JobStarted& event) override;
  void table_started(const TableStarted& event) override;
  void chunk_started(const Table& table, const Chunk& chunk) override;
  void chunk_done(const Table& table, const ChunkResult& result) override;
  void chunk_retried(const Table& table, std::int64_t chunk_number, int attempt,
                     const std::string& error) override;
  void table_done(const TableDone& event) override;
  void progress(const Progress& event) override;
  void warning(const std::string& message, const std::string& hint) override;
  void info(const std::string& message) override;
  void paused(const JobSummary& summary) override;
  void job_done(const JobSummary& summary) override;

 private:
  std::vector<Events*> m_all;
};

/// Knows the chunks in flight: how many (any thread), and the number of each by its id. Stands last
/// in a Fanout, so that the others can still ask for the number of a chunk that ends.
class InFlight : public Events {
 public:
  [[nodiscard]] std::int64_t count() const { return m_count; }
  [[nodiscard]] std::optional<std::int64_t> number(std::int64_t chunk_id) const;

  void chunk_started(const Table& table, const Chunk& chunk) override;
  void chunk_done(const Table& table, const ChunkResult& result) override;

 private:
  std::unordered_map<std::int64_t, std::int64_t> m_numbers;
  std::atomic<std::int64_t> m_count{0};
};

/// Lines for people: warnings and failures always; with `chatty` also what happens.
class TextReporter : public Events {
 public:
  TextReporter(Screen& screen, bool chatty) : m_screen(screen), m_chatty(chatty) {}

  void job_started(const JobStarted& event) override;
  void table_started(const TableStarted& event) override;
  void chunk_retried(const Table& table, std::int64_t chunk_number, int attempt,
                     const std::string& error) override;
  void table_done(const TableDone& event) override;
  void warning(const std::string& message, const std::string& hint) override;
  void info(const std::string& message) override;

 private:
  Screen& m_screen;
  bool m_chatty;
  std::string m_last_warning;
};

/// The bar of a terminal.
class BarReporter : public Events {
 public:
  explicit BarReporter(Screen& screen) : m_screen(screen) {}

  /// Something is said before the first event too: locks may take their time.
  void begin(const std::string& directory);
  void planned(const Table& table) override;
  void job_started(const JobStarted& event) override { m_job = event.job; }
  void progress(const Progress& event) override;
  void paused(const JobSummary& summary) override;
  void job_done(const JobSummary& summary) override;

 private:
  Screen& m_screen;
  std::string m_job;
  std::int64_t m_planned = 0;
};

/// A line each few seconds and each tenth of the way.
class PlainReporter : public Events {
 public:
  explicit PlainReporter(Screen& screen) : m_screen(screen) {}

  void progress(const Progress& event) override;

 private:
  Screen& m_screen;
  std::chrono::steady_clock::time_point m_last = std::chrono::steady_clock::now();
  int m_tenth = 0;
};

/// One JSON object a line on standard output (cli.md, Events).
class JsonReporter : public Events {
 public:
  explicit JsonReporter(const InFlight& in_flight) : m_in_flight(in_flight) {}

  void planned(const Table& table) override;
  void job_started(const JobStarted& event) override;
  void table_started(const TableStarted& event) override;
  void chunk_started(const Table& table, const Chunk& chunk) override;
  void chunk_done(const Table& table, const ChunkResult& result) override;
  void chunk_retried(const Table& table, std::int64_t chunk_number, int attempt,
                     const std::string& error) override;
  void table_done(const TableDone& event) override;
  void progress(const Progress& event) override;
  void warning(const std::string& message, const std::string& hint) override;
  void paused(const JobSummary& summary) override;
  void job_done(const JobSummary& summary) override;

  /// True once `paused` or `job_done` was printed.
  [[nodiscard]] bool ended() const { return m_ended; }

 private:
  const InFlight& m_in_flight;
  std::optional<std::chrono::steady_clock::time_point> m_last;  ///< of `progress`
  bool m_ended = false;
};

/// Everything, with its time, into the file of `--log-file`. Throws Error (usage) if it can't be
/// opened.
std::unique_ptr<Events> make_log_reporter(const std::string& file, const std::string& level,
                                          const InFlight& in_flight);

}  // namespace pgstride::cli
