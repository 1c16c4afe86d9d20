#include "status_text.hpp"

#include <fmt/format.h>

#include "human.hpp"
#include "progress_line.hpp"
#include "text_table.hpp"
#include "words.hpp"

namespace pgstride::cli {

namespace {

constexpr int k_indent = 13;

std::string line(std::string_view label, const std::string& text, int width = 0) {
  return wrapped(fmt::format("{:<{}}{}", label, k_indent, text), width, k_indent) + "\n";
}

std::string ago(std::int64_t then_us, std::int64_t now_us) {
  return then_us == 0 ? "-"
                      : fmt::format("{} ({} ago)", time_text(then_us),
                                    eta_text(static_cast<double>(now_us - then_us) / 1e6));
}

std::string state_text(const JobStatus& status) {
  std::string out = status.state;
  if (status.alive && status.pid != 0) {
    out += fmt::format(", pid {}", status.pid);
  }
  if (status.state == "interrupted" && status.reason.empty()) {
    out += ": its process is gone";
  }
  if (status.held) {
    out += ", its snapshot is held";
  }
  if (!status.reason.empty()) {
    out += fmt::format(" ({})", printable(status.reason));
  }
  return out;
}

std::string progress_text(const JobStatus& status) {
  Progress progress;
  progress.chunks_done = status.chunks_done;
  progress.chunks = status.chunks_total;
  progress.percent = status.percent;
  const int percent = shown_percent(progress);
  std::string counts;
  const auto add = [&counts](std::int64_t count, const char* what) {
    if (count > 0) {
      counts += fmt::format(", {} {}", count_text(count), what);
    }
  };
  add(status.chunks_running, status.alive ? "running" : "cut short");
  add(status.chunks_failed, "failed");
  add(status.chunks_redo, "to redo");
  return fmt::format("{} {} %  {} of {}{}{}", bar_cells(percent, 24, utf8_locale()), percent,
                     count_text(status.chunks_done), counted(status.chunks_total, "chunk"), counts,
                     status.eta_s ? ", ETA " + eta_text(status.eta_s) : "");
}

std::string tables_text(const JobStatus& status) {
  TextTable table({{"table", Align::left},
                   {"state", Align::left},
                   {"split", Align::left},
                   {"key", Align::left},
                   {"chunks"},
                   {"rows"},
                   {"bytes"},
                   {"consistency", Align::left},
                   {"error", Align::left}});
  for (const TableStatus& of : status.tables) {
    table.add({printable(of.name), of.state, of.split, of.key.empty() ? "-" : printable(of.key),
               fmt::format("{}/{}", of.done, of.chunks), count_text(of.rows),
               bytes_text(static_cast<double>(of.bytes)), of.consistency, printable(of.error)});
  }
  return table.text();
}

// A line for each table of which something was, or is to be, done again.
std::string redone_text(const JobStatus& status, int width) {
  std::string text;
  for (const TableStatus& of : status.tables) {
    if (of.redone > 0) {
      text += line("redone",
                   fmt::format("{}: {} of {}: {}", printable(of.name), count_text(of.redone),
                               counted(of.chunks, "chunk"), printable(of.redo_reason)),
                   width);
    }
  }
  return text;
}

}  // namespace

std::string status_text(const JobStatus& status, const std::string& directory, std::int64_t now_us,
                        int width) {
  std::string out = line("job", fmt::format("{} ({})", printable(status.job), status.verb));
  out += line("state", state_text(status));
  out += line("started", ago(status.started_us, now_us));
  if (status.finished_us != 0 && !status.alive) {
    out += line("finished", ago(status.finished_us, now_us));
  }
  out += line("progress", progress_text(status));
  out +=
      line("rows", fmt::format("{}{}, {}{}", count_text(status.rows),
                               status.state == "done"
                                   ? ""
                                   : fmt::format(" of about {}", count_text(status.estimated_rows)),
                               bytes_text(static_cast<double>(status.bytes)),
                               status.verb == "export" ? " in files" : ""));
  if (status.start_lsn.value != 0) {
    out += line("WAL position",
                status.end_lsn.value == 0
                    ? status.start_lsn.text()
                    : fmt::format("{} to {}", status.start_lsn.text(), status.end_lsn.text()));
  }
  if (!status.consistency.empty()) {
    out += line("consistency",
                status.consistency +
                    (status.consistency_note.empty() ? "" : ": " + status.consistency_note),
                width);
  }
  if (status.ledger == false) {
    out += line("ledger", "none: what the targets hold stands in this directory alone");
  }
  if (!status.snapshot.empty() && status.state != "done") {
    out += line("snapshot",
                fmt::format("{}{}", status.snapshot,
                            status.holders.empty()
                                ? ", no longer held"
                                : fmt::format(", held as {}", fmt::join(status.holders, " and "))));
  }
  out += redone_text(status, width);
  out += "\n" + tables_text(status);
  if (!status.alive && status.state != "done") {
    out += status.chunks_total == 0
               ? "\nHINT: nothing was planned yet: run the same command again\n"
               : fmt::format("\nHINT: go on with: pgstride resume {}\n", shell_word(directory));
  }
  return out;
}

std::string status_line(const JobStatus& status, std::int64_t now_us) {
  return fmt::format("{}  {}: {} %, {} of {}, {} rows, {}, ETA {}\n", time_text(now_us),
                     state_text(status), static_cast<int>(status.percent),
                     count_text(status.chunks_done), counted(status.chunks_total, "chunk"),
                     count_text(status.rows), bytes_text(static_cast<double>(status.bytes)),
                     eta_text(status.eta_s));
}

std::string chunks_text(const JobStatus& status) {
  TextTable table({{"table", Align::left},
                   {"chunk"},
                   {"kind", Align::left},
                   {"state", Align::left},
                   {"tries"},
                   {"rows"},
                   {"bytes"},
                   {"time"},
                   {"LSN", Align::left},
                   {"file, reason or error", Align::left}});
  for (const ChunkStatus& of : status.chunks) {
    const ChunkResult& result = of.result;
    const std::string note = !result.error.empty()     ? result.error
                             : !of.redo_reason.empty() ? of.redo_reason
                                                       : result.file;
    const double seconds = result.finished_us > result.started_us
                               ? static_cast<double>(result.finished_us - result.started_us) / 1e6
                               : 0;
    const std::string& name = of.leaf.empty() ? of.table : of.leaf;
    table.add({printable(name), fmt::format("{}", of.chunk.number),
               std::string(word(of.chunk.kind)), of.state, fmt::format("{}", result.attempts),
               count_text(result.rows), bytes_text(static_cast<double>(result.bytes)),
               seconds > 0 ? seconds_text(seconds) : "-",
               result.valid_lsn.value == 0 ? "-" : result.valid_lsn.text(), printable(note)});
  }
  return table.text();
}

}  // namespace pgstride::cli
