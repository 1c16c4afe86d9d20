#include "summary.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "human.hpp"
#include "text_table.hpp"

namespace pgstride::cli {

namespace {

/// More than a screen or two of tables helps nobody; `status` has them all.
constexpr std::size_t k_most_tables = 40;

std::string rate_text(double bytes_per_s) {
  return bytes_per_s > 0 ? fmt::format("{:.1f}", bytes_per_s / 1048576) : "-";
}

double rate(const TableDone& done) {
  return done.seconds > 0 ? static_cast<double>(done.raw_bytes) / done.seconds : 0;
}

/// The library's rate is of files and of this run alone, the sums are of all runs.
double raw_rate(const JobSummary& summary) {
  return summary.bytes > 0 ? summary.bytes_per_s * static_cast<double>(summary.raw_bytes) /
                                 static_cast<double>(summary.bytes)
                           : 0;
}

std::vector<TableDone> worth_showing(const JobSummary& summary) {
  std::vector<TableDone> tables = summary.per_table;
  if (summary.state == "paused") {
    std::erase_if(tables, [](const TableDone& of) { return of.files == 0 && !of.failed; });
  }
  if (tables.size() > k_most_tables) {
    std::stable_sort(tables.begin(), tables.end(), [](const TableDone& a, const TableDone& b) {
      return a.failed != b.failed ? a.failed : a.raw_bytes > b.raw_bytes;
    });
    tables.resize(k_most_tables);
  }
  return tables;
}

std::string tables_text(const JobSummary& summary, const std::string& directory) {
  TextTable table(
      {{"table", Align::left}, {"rows"}, {"raw"}, {"bytes"}, {"files"}, {"time"}, {"MB/s raw"}});
  const std::vector<TableDone> shown = worth_showing(summary);
  for (const TableDone& done : shown) {
    table.add({printable(done.table) + (done.failed ? " (failed)" : ""), count_text(done.rows),
               bytes_text(static_cast<double>(done.raw_bytes)),
               bytes_text(static_cast<double>(done.bytes)), count_text(done.files),
               done.seconds > 0 ? seconds_text(done.seconds) : "-", rate_text(rate(done))});
  }
  table.rule();
  table.add({fmt::format("total ({})", counted(summary.tables, "table")), count_text(summary.rows),
             bytes_text(static_cast<double>(summary.raw_bytes)),
             bytes_text(static_cast<double>(summary.bytes)), count_text(summary.files),
             seconds_text(summary.seconds), rate_text(raw_rate(summary))});
  std::string out = table.text();
  if (summary.state != "paused" && shown.size() < summary.per_table.size()) {
    out += fmt::format(
        "and {}: pgstride status {}\n",
        counted(static_cast<std::int64_t>(summary.per_table.size() - shown.size()), "more table"),
        shell_word(directory));
  }
  return out;
}

std::string facts_text(const JobSummary& summary, int width) {
  std::string out;
  if (summary.start_lsn.value != 0) {
    out += fmt::format("WAL position: {}", summary.start_lsn.text());
    out += summary.end_lsn.value == 0 || summary.end_lsn == summary.start_lsn
               ? "\n"
               : fmt::format(" to {}\n", summary.end_lsn.text());
  }
  if (!summary.consistency.empty()) {
    out +=
        wrapped(fmt::format("consistency: {}{}{}", summary.consistency,
                            summary.consistency_note.empty() ? "" : ": ", summary.consistency_note),
                width, 0) +
        "\n";
  }
  const auto add = [&out](const char* what, std::int64_t rows) {
    if (rows > 0) {
      out += fmt::format("{}: {}\n", what, counted(rows, "row"));
    }
  };
  add("ignored (the target's stay)", summary.ignored);
  add("superseded (a later one has the key)", summary.superseded);
  add("rejected", summary.rejected);
  return out;
}

}  // namespace

std::string summary_text(const JobSummary& summary, const std::string& directory, int width) {
  if (summary.unchanged) {
    return fmt::format("pgstride: {} is done already: {}, {} rows; nothing was changed\n",
                       printable(summary.job), counted(summary.tables, "table"),
                       count_text(summary.rows));
  }
  std::string out = summary.per_table.empty() ? "" : tables_text(summary, directory);
  out += facts_text(summary, width);
  return out + paused_text(summary, directory);
}

std::string paused_text(const JobSummary& summary, const std::string& directory) {
  if (summary.state != "paused") {
    return {};
  }
  return fmt::format(
      "pgstride: {} is paused{}: {} of {} done\nHINT: go on with: pgstride resume {}\n",
      printable(summary.job), summary.reason.empty() ? "" : fmt::format(" ({})", summary.reason),
      count_text(summary.chunks_done), counted(summary.chunks, "chunk"), shell_word(directory));
}

}  // namespace pgstride::cli
