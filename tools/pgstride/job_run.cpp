#include "job_run.hpp"

#include <fmt/format.h>

#include "human.hpp"
#include "json_output.hpp"
#include "messages.hpp"
#include "reporters.hpp"
#include "summary.hpp"

namespace pgstride::cli {

namespace {

ProgressMode choose(ProgressMode mode, const Screen& screen) {
  // A bar needs a terminal; asked for without one, lines are the next best.
  if (mode == ProgressMode::automatic || mode == ProgressMode::bar) {
    return screen.redraws() ? ProgressMode::bar : ProgressMode::plain;
  }
  return mode;
}

/// The reporters of one run.
class Reports {
 public:
  Reports(Screen& screen, const ReportOptions& options, const std::string& directory)
      : m_screen(screen), m_mode(choose(options.progress, screen)),
        m_text(screen, m_mode != ProgressMode::none), m_bar(screen), m_plain(screen),
        m_json(m_in_flight) {
    if (!options.log_file.empty()) {
      m_log = make_log_reporter(options.log_file, options.log_level, m_in_flight);
      m_all.add(*m_log);
    }
    if (m_mode == ProgressMode::json) {
      m_all.add(m_json);
    } else {
      m_all.add(m_text);
    }
    if (m_mode == ProgressMode::bar) {
      m_all.add(m_bar);
      m_bar.begin(directory);
    } else if (m_mode == ProgressMode::plain) {
      m_all.add(m_plain);
    }
    m_all.add(m_in_flight);
  }

  Events& events() { return m_all; }
  [[nodiscard]] std::int64_t in_flight() const { return m_in_flight.count(); }

  void log_error(const Error& error) {
    if (m_log) {
      m_log->warning(message_text(error), "");
    }
  }

  void finish(const JobSummary& summary, const std::string& directory) {
    m_screen.clear_status();
    if (m_mode == ProgressMode::json) {
      if (!m_json.ended()) {
        m_json.job_done(summary);
      }
    } else if (m_mode == ProgressMode::none) {
      m_screen.print(paused_text(summary, directory));
    } else {
      m_screen.print(summary_text(summary, directory, m_screen.wrap_width()));
    }
  }

  void failed(ExitCode code, const std::string& message, const std::string& hint) {
    m_screen.print(message_text("error", message, hint));
    if (m_log) {
      m_log->warning(message, hint);
    }
    if (m_mode == ProgressMode::json) {
      print_json(exit_error_json(code, "failed", message, hint));
    }
  }

 private:
  Screen& m_screen;
  ProgressMode m_mode;
  InFlight m_in_flight;
  TextReporter m_text;
  BarReporter m_bar;
  PlainReporter m_plain;
  JsonReporter m_json;
  std::unique_ptr<Events> m_log;
  Fanout m_all;
};

ExitCode code_of(const JobSummary& summary, const Signals& signals) {
  if (summary.state == "paused") {
    return signals.exit_code().value_or(ExitCode::paused);
  }
  if (summary.state != "done" || summary.tables_failed > 0) {
    return ExitCode::failed;
  }
  return summary.rejected > 0 ? ExitCode::rejected : ExitCode::done;
}

/// The library knows of a stop, not of what asked for it.
void name_signal(JobSummary& summary, const Signals& signals) {
  if (const auto code = signals.exit_code(); code && summary.state == "paused") {
    summary.reason = *code == ExitCode::interrupted ? "Ctrl-C" : "SIGTERM or SIGHUP";
  }
}

std::string failure(const JobSummary& summary) {
  if (!summary.reason.empty()) {
    return fmt::format("{} failed: {}", printable(summary.job), summary.reason);
  }
  return summary.tables_failed > 0
             ? fmt::format("{} of {} of {} failed", summary.tables_failed,
                           counted(summary.tables, "table"), printable(summary.job))
             : printable(summary.job) + " failed";
}

std::string request_text(int request, std::int64_t in_flight, const std::string& directory) {
  switch (request) {
  case 1:
    return fmt::format("pgstride: finishing {} in flight; press again to cancel",
                       counted(in_flight, "chunk"));
  case 2:
    return "pgstride: cancelling the chunks in flight; press again to leave at once";
  default:
    return fmt::format("pgstride: left at once\nHINT: go on with: pgstride resume {}",
                       shell_word(directory));
  }
}

}  // namespace

ExitCode run_job(Context& context, const ReportOptions& options, const std::string& directory,
                 const RunJob& job) {
  Reports reports(context.screen, options, directory);
  const StopTokens stop = context.signals.arm([&](int request) {
    if (request > 2) {
      context.screen.clear_status();  // the destructors will not run
    }
    context.screen.print(request_text(request, reports.in_flight(), directory));
  });
  const Disarm disarm{context.signals};
  try {
    JobSummary summary = job(reports.events(), stop);
    name_signal(summary, context.signals);
    const ExitCode code = code_of(summary, context.signals);
    reports.finish(summary, directory);
    if (code == ExitCode::failed) {
      reports.failed(code, failure(summary),
                     fmt::format("see pgstride status {0}; try again with: pgstride resume {0}",
                                 shell_word(directory)));
    }
    return code;
  } catch (const Error& error) {
    reports.log_error(error);
    throw;
  }
}

}  // namespace pgstride::cli
