#include <fmt/format.h>

#include "human.hpp"
#include "messages.hpp"
#include "progress_line.hpp"
#include "reporters.hpp"

namespace pgstride::cli {

void TextReporter::job_started(const JobStarted& event) {
  if (!m_chatty) {
    return;
  }
  std::string before;
  if (event.resumed) {
    before = fmt::format(", {} done before", count_text(event.chunks_done));
  }
  const std::string text = fmt::format(
      "pgstride: {} {}: {}, {}{}, {}{}, {}{}", event.resumed ? "going on with" : event.verb,
      printable(event.job), counted(event.tables, "table"), counted(event.chunks, "chunk"), before,
      event.estimated_rows == 0
          ? ""
          : fmt::format("about {} rows in ", count_text(event.estimated_rows)),
      bytes_text(static_cast<double>(event.estimated_bytes)), counted(event.workers, "worker"),
      event.start_lsn.value == 0 ? "" : fmt::format(", from WAL {}", event.start_lsn.text()));
  m_screen.print(wrapped(text, m_screen.wrap_width(), 0));
}

void TextReporter::table_started(const TableStarted& event) {
  if (m_chatty && !m_screen.redraws() && !event.format_reason.empty()) {
    m_screen.print(fmt::format("{}: rows go as {}, not binary: {}", printable(event.table),
                               event.format, printable(event.format_reason)));
  }
}

void TextReporter::chunk_retried(const Table& table, std::int64_t chunk_number, int attempt,
                                 const std::string& error) {
  m_screen.print(
      message_text("warning",
                   fmt::format("attempt {} at chunk {} of {} failed and is made again: {}", attempt,
                               chunk_number, table.leaf_display_name(), error),
                   ""));
}

void TextReporter::table_done(const TableDone& event) {
  if (event.failed && m_last_warning.find(event.error) != std::string::npos) {
    return;  // said just now, with its chunk
  }
  if (event.failed) {
    m_screen.print(
        message_text("error", fmt::format("table {} failed: {}", event.table, event.error), ""));
  } else if (m_chatty && !m_screen.redraws()) {
    m_screen.print(fmt::format("{}: done, {} rows, {}{}, {}", printable(event.table),
                               count_text(event.rows), bytes_text(static_cast<double>(event.bytes)),
                               event.files == 0 ? "" : " in " + counted(event.files, "file"),
                               seconds_text(event.seconds)));
  }
}

void TextReporter::warning(const std::string& message, const std::string& hint) {
  m_last_warning = message;
  m_screen.print(message_text("warning", message, hint));
}

void TextReporter::info(const std::string& message) {
  if (m_chatty) {
    m_screen.print("pgstride: " + printable_lines(message));
  }
}

void BarReporter::begin(const std::string& directory) {
  m_screen.status(
      [directory](int width) { return fit(printable(directory) + "  preparing", width); });
}

void BarReporter::planned(const Table& table) {
  ++m_planned;
  m_screen.status([count = m_planned, name = table.leaf_display_name()](int width) {
    return fit(fmt::format("planned {}  {}", counted(count, "table"), printable(name)), width);
  });
}

void BarReporter::progress(const Progress& event) {
  m_screen.status([job = m_job, event](int width) { return bar_line(job, event, width); });
}

void BarReporter::paused(const JobSummary& /*summary*/) {
  m_screen.clear_status();
}

void BarReporter::job_done(const JobSummary& /*summary*/) {
  m_screen.clear_status();
}

void PlainReporter::progress(const Progress& event) {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  const int tenth = shown_percent(event) / 10;
  // A tenth alone is not enough on a fast job: no more than a line a second.
  if (now - m_last < 5s && (tenth <= m_tenth || now - m_last < 1s)) {
    return;
  }
  m_last = now;
  m_tenth = tenth;
  m_screen.print(plain_line(event));
}

}  // namespace pgstride::cli
