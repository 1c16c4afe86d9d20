#include <limits>

#include <fmt/format.h>

#include "option_groups.hpp"
#include "pgstride/error.hpp"
#include "values.hpp"

namespace pgstride::cli {

namespace {

using Milliseconds = std::chrono::milliseconds;

/// The server keeps its time-outs as int milliseconds.
Milliseconds parse_server_timeout(const std::string& option, const std::string& text) {
  const Milliseconds value = parse_duration(option, text);
  if (value.count() > std::numeric_limits<std::int32_t>::max()) {
    throw Error(ErrorKind::usage, fmt::format("{}: \"{}\" is too long", option, text),
                "the server takes at most 24d; 0 is no limit");
  }
  return value;
}

void add_limits(CLI::App& app, RunOptions& run, const std::string& group) {
  const auto add = [&](const char* names, const char* type, const char* help, SetValue set) {
    add_value(app, names, type, help, std::move(set))->group(group);
  };
  add("-j,--jobs", "N", "workers, each with a connection (default: cores, at most 8)",
      [&run](const std::string& option, const std::string& text) {
        run.jobs = static_cast<int>(parse_count(option, text, 1, 1000));
      });
  add("--max-rate", "SIZE", "bytes of rows a second, all workers together",
      [&run](const std::string& option, const std::string& text) {
        run.max_rate = parse_rate(option, text);
      });
  add("--max-chunks", "N", "pause after so many chunks",
      [&run](const std::string& option, const std::string& text) {
        run.max_chunks = parse_count(option, text, 1);
      });
  add("--max-duration", "TIME", "pause after so long",
      [&run](const std::string& option, const std::string& text) {
        run.max_duration = parse_duration(option, text);
      });
  add("--chunk-pause", "TIME", "each worker rests so long after a chunk",
      [&run](const std::string& option, const std::string& text) {
        run.chunk_pause = parse_duration(option, text);
      });
}

void add_faults(CLI::App& app, RunOptions& run, const std::string& group) {
  const auto add = [&](const char* names, const char* type, const char* help, SetValue set) {
    add_value(app, names, type, help, std::move(set))->group(group);
  };
  add("--retries", "N", "of a chunk whose connection or server failed (default: 5)",
      [&run](const std::string& option, const std::string& text) {
        run.retries = static_cast<int>(parse_count(option, text, 0, 1'000'000));
      });
  add("--retry-wait", "TIME", "before the first; doubles, at most 1min (default: 1s)",
      [&run](const std::string& option, const std::string& text) {
        run.retry_wait = parse_duration(option, text);
      });
  add("--statement-timeout", "TIME", "of a chunk's statement (default: none)",
      [&run](const std::string& option, const std::string& text) {
        run.statement_timeout = parse_server_timeout(option, text);
      });
  add("--lock-timeout", "TIME", "waiting for a table's lock (default: 10s)",
      [&run](const std::string& option, const std::string& text) {
        run.lock_timeout = parse_server_timeout(option, text);
      });
  add("--on-table-error", "WHAT", "continue with the other tables, or stop (default: continue)",
      [&run](const std::string& option, const std::string& text) {
        run.on_table_error = parse_choice<OnTableError>(
            option, text, {{"continue", OnTableError::proceed}, {"stop", OnTableError::stop}});
      });
}

void add_report(CLI::App& app, ReportOptions& report, const std::string& group) {
  const auto add = [&](const char* names, const char* type, const char* help, SetValue set) {
    add_value(app, names, type, help, std::move(set))->group(group);
  };
  add("--progress", "HOW", "auto, bar, plain, json (lines on stdout) or none (default: auto)",
      [&report](const std::string& option, const std::string& text) {
        report.progress = parse_choice<ProgressMode>(option, text,
                                                     {{"auto", ProgressMode::automatic},
                                                      {"bar", ProgressMode::bar},
                                                      {"plain", ProgressMode::plain},
                                                      {"json", ProgressMode::json},
                                                      {"none", ProgressMode::none}});
      });
  add("--log-file", "FILE", "append every event, with its time",
      [&report](const std::string& /*option*/, const std::string& text) {
        report.log_file = text;
      });
  add("--log-level", "LEVEL", "of the log file: info, warn or error (default: info)",
      [&report](const std::string& option, const std::string& text) {
        report.log_level = parse_choice<std::string>(option, text,
                                                     {{"trace", "info"},
                                                      {"debug", "info"},
                                                      {"info", "info"},
                                                      {"warn", "warn"},
                                                      {"error", "err"}});
      });
}

}  // namespace

void add_run_group(CLI::App& app, RunOptions& run, ReportOptions& report) {
  const std::string group = "How it runs";
  add_limits(app, run, group);
  add_faults(app, run, group);
  add_report(app, report, group);
}

void add_slot_group(CLI::App& app, SlotOptions& slot) {
  const std::string group = "Change data capture";
  const auto add = [&](const char* name, const char* help, std::string& value) {
    add_value(app, name, "NAME", help,
              [&value](const std::string& option, const std::string& text) {
                if (text.empty()) {
                  throw Error(ErrorKind::usage, option + " is empty", "give a name");
                }
                value = text;
              })
        ->group(group);
  };
  add("--slot", "make this slot; the rows are as of its start", slot.slot);
  add("--publication", "of the slot's consumer; made if it is not there", slot.publication);
  app.add_flag("--slot-failover", slot.failover, "keep the slot on standbys too (17 and later)")
      ->group(group);
}

void add_cdc_group(CLI::App& app, RunOptions& run) {
  add_value(app, "--consistency", "HOW",
            "exact (one snapshot or stop), fuzzy (go on under a new one) or auto (default: auto)",
            [&run](const std::string& option, const std::string& text) {
              run.consistency = parse_choice<Consistency>(option, text,
                                                          {{"auto", Consistency::automatic},
                                                           {"exact", Consistency::exact},
                                                           {"fuzzy", Consistency::fuzzy}});
            })
      ->group("Consistency");
}

}  // namespace pgstride::cli
