#include "harness/copy_trial.hpp"

#include <csignal>
#include <cstdlib>
#include <memory>
#include <random>
#include <set>

#include "harness/copy_history.hpp"
#include "harness/import_files.hpp"
#include "harness/writers.hpp"

namespace pgstride::test {
namespace {

using Random = std::mt19937_64;
using std::chrono::milliseconds;

constexpr const char* k_sessions = "application_name LIKE 'pgstride/%'";

const std::vector<std::string>& crash_steps() {
  static const std::vector<std::string> steps = {
      "ledger_entered",          "snapshot_taken",     "tables_forgotten",
      "tables_emptied",          "tables_started",     "chunk_claimed",
      "ledger_written",          "chunk_copied",       "chunk_before_commit",
      "chunk_after_commit",      "chunk_after_commit", "checkpoint_before_commit",
      "checkpoint_after_commit", "table_finished",     "deferred_captured",
      "deferred_dropped",        "deferred_built",     "load_ended",
      "ledger_dropped",          "schema_creating",    "schema_created",
      "schema_captured",         "schema_finished",    "marks_settled",
      "emptying_marked",         "chunk_begun",        "chunk_before_mark"};
  return steps;
}

// Of a resume with a slot.
const std::vector<std::string>& exact_steps() {
  static const std::vector<std::string> steps = {
      "snapshot_taken",      "changes_read",       "dirty_stored",   "unload_before_commit",
      "unload_after_commit", "tables_forgotten",   "tables_emptied", "tables_started",
      "chunk_before_commit", "chunk_after_commit", "load_ended",     "slot_advancing",
      "slot_advanced"};
  return steps;
}

class CopyTrial {
 public:
  CopyTrial(TempCluster& source, TempCluster& target, const CopyTrialPlan& plan)
      : m_source(source), m_target(target), m_plan(plan), m_random(plan.seed),
        m_source_name(source.create_database("copied")) {
    m_job.source = source.conninfo(m_source_name);
    m_job.directory = m_dir / "job";
    m_job.kinds = plan.kinds;
    auto session = source.session(m_source_name);
    create_tables(session, plan.kinds, plan.rows);
    if (plan.writers) {
      start_history(session, plan.kinds);
    }
    if (plan.source == CopySource::server) {
      choose_options();
    } else {
      make_files();
    }
    for (auto targets = 1 + m_random() % 2; targets > 0; --targets) {
      make_target();
    }
  }

  TrialResult run() {
    try {
      run_and_check();
    } catch (const std::exception& error) {
      m_result.problems.push_back(std::string("trial broke off: ") + error.what());
    }
    if (m_result.problems.empty()) {
      m_source.exec("DROP DATABASE " + m_source_name + " (FORCE)");
      for (const auto& name : m_target_names) {
        m_target.exec("DROP DATABASE " + name + " (FORCE)");
      }
    }
    return m_result;
  }

 private:
  bool chance(unsigned long one_of) { return m_random() % one_of == 0; }

  void choose_options() {
    m_job.options = {"--chunk-rows", std::to_string(60 + m_random() % 200)};
    choose_load_options();
    if (m_plan.slot) {
      m_job.options.insert(m_job.options.end(),
                           {"--slot", m_source_name, "--publication", "changes"});
      return;
    }
    // With fuzzy no table is loaded again whole, which would hide what came twice.
    if (!m_plan.writers && !chance(3)) {
      m_job.run_options = {"--consistency", "fuzzy"};
    }
  }

  void make_files() {
    if (m_plan.source == CopySource::file) {
      import_from_file(m_job, m_dir / "files");
    } else {
      import_from_export(m_job, m_dir / "files", random_export_options(m_random));
    }
    m_job.options.clear();
    choose_load_options();
  }

  void choose_load_options() {
    m_job.options.insert(m_job.options.end(), {"-j", std::to_string(1 + m_random() % 4)});
    m_truncates = chance(2);
    // Not under writers: keys that a fuzzy resume brought twice could not be unique at the end. Not
    // with server builds that come without pg_dump.
    m_creates = m_plan.source == CopySource::server && (!m_plan.writers || m_plan.slot) &&
                std::getenv("PGSTRIDE_PGBIN") == nullptr && chance(4);
    if (m_truncates) {
      m_job.options.push_back("--truncate");
    }
    if (m_creates) {
      m_job.options.push_back("--create-schema");
    }
    if (chance(4)) {
      m_job.options.push_back("--defer-indexes");
    }
    if (m_plan.without_ledger || chance(4)) {
      m_job.options.insert(m_job.options.end(), {"--ledger", "no"});
    }
  }

  void make_target() {
    m_target_names.push_back(m_target.create_database("into"));
    m_job.targets.push_back(m_target.conninfo(m_target_names.back()));
    if (m_creates) {
      return;
    }
    auto session = m_target.session(m_target_names.back());
    create_target_tables(session, m_plan.kinds, m_plan.rows);
    for (const auto& kind : m_plan.kinds) {
      if (m_truncates && !kind.insert.empty() && chance(2)) {
        // A failure does not matter: some inserts need a row to be there.
        session.sqlstate_of(filled(kind.insert, kind, m_plan.rows, 1));
      }
    }
  }

  void run_and_check() {
    {
      std::unique_ptr<Writers> writers;
      if (m_plan.writers) {
        writers = std::make_unique<Writers>(
            m_job.source, m_plan.kinds,
            WriterOptions{.threads = 2, .seed = m_plan.seed, .rows = m_plan.rows});
      }
      run_until_done();
      // Refused where a table that the job made has triggers.
      if (m_plan.slot && m_done && !m_creates && chance(2)) {
        m_refreshes = true;
        m_done = false;
        run_until_done();
      }
      m_result.writes += writers ? writers->writes() : 0;
    }
    if (!m_done) {
      m_result.problems.push_back("the job was not done after " + std::to_string(m_result.runs) +
                                  " runs: " + m_last.text());
      return;
    }
    const auto found = m_plan.writers ? check_copy_with_history(m_job) : check_copy(m_job);
    m_result.problems.insert(m_result.problems.end(), found.begin(), found.end());
    const auto consistency = m_job.status().at("consistency");
    m_result.consistency = consistency.is_string() ? consistency.get<std::string>() : "";
    if (m_plan.slot && m_result.consistency != "exact") {
      m_result.problems.push_back("a job with a slot ended " + m_result.consistency);
    }
  }

  void run_until_done() {
    for (int strike = 0; strike < m_plan.strikes && !m_done; ++strike) {
      run_once(true);
    }
    for (int run = 0; run < 3 && !m_done; ++run) {
      run_once(false);
    }
  }

  Arguments command() {
    if (m_refreshes) {
      return m_job.resume_command({"--refresh"});
    }
    return m_random() % 2 == 0 && m_job.is_planned() ? m_job.resume_command()
                                                     : m_job.copy_command();
  }

  void run_once(bool struck) {
    ++m_result.runs;
    m_fault.reset();
    if (struck) {
      m_fault = m_plan.faults[m_random() % m_plan.faults.size()];
    }
    Environment environment;
    if (m_fault == CopyFault::crash_point) {
      const auto& steps = m_plan.slot && m_result.runs > 1 ? exact_steps() : crash_steps();
      environment["PGSTRIDE_CRASH_AT"] =
          steps[m_random() % steps.size()] + ":" + std::to_string(1 + m_random() % 12);
    }
    const auto arguments = command();
    const auto away = start_absence();
    auto process = std::make_unique<Process>(arguments, environment);
    m_struck = m_fault && strike(*process);
    if (m_struck) {
      ++m_result.strikes[fault_name(*m_fault)];
    }
    if (m_fault == CopyFault::pause_hold && m_struck && holds_snapshot()) {
      m_holder = std::move(process);  // lives on until a resume takes its snapshot over
      return;
    }
    m_last = process->wait(std::chrono::seconds(240));
    end_absence(away);
    judge();
    if (m_done && m_holder) {
      const auto ended = std::exchange(m_holder, nullptr)->wait();
      if (ended.code != 3) {
        m_result.problems.push_back("the holder of a snapshot ended with " + ended.text());
      }
    }
  }

  std::string start_absence() {
    if (m_fault != CopyFault::target_away || !m_job.is_planned()) {
      return "";
    }
    auto name = m_target_names[m_random() % m_target_names.size()];
    m_target.exec("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false");
    return name;
  }

  void end_absence(const std::string& name) {
    if (!name.empty()) {
      m_target.exec("ALTER DATABASE " + name + " ALLOW_CONNECTIONS true");
    }
  }

  // False if the process had ended before.
  bool strike(Process& process) {
    if (m_fault == CopyFault::harass) {
      return harass(process);
    }
    if (m_fault == CopyFault::crash_point || m_fault == CopyFault::target_away) {
      return true;
    }
    const auto moment = static_cast<long>(m_random() % usual_ms());
    if (process.ends_within(milliseconds(moment))) {
      return false;
    }
    switch (*m_fault) {
    case CopyFault::kill_9:
      process.kill(SIGKILL);
      break;
    case CopyFault::interrupt_twice:
      process.kill(SIGINT);
      process.ends_within(milliseconds(m_random() % 20));
      process.kill(SIGINT);
      break;
    case CopyFault::interrupt:
      process.kill(SIGINT);
      break;
    case CopyFault::pause_hold:
      test::run(program({"pause", m_job.directory, "--hold"}));
      break;
    case CopyFault::source_backends:
      terminate(m_source, "random() < 0.5");
      break;
    case CopyFault::target_backends:
      terminate(m_target, "random() < 0.5");
      break;
    case CopyFault::source_restart:
      m_source.restart(StopMode::fast);
      break;
    case CopyFault::target_restart:
      m_target.restart(StopMode::fast);
      break;
    case CopyFault::source_crash:
      m_source.restart(StopMode::immediate);
      break;
    case CopyFault::target_crash:
      m_target.restart(StopMode::immediate);
      break;
    case CopyFault::harass:
    case CopyFault::crash_point:
    case CopyFault::target_away:
      break;
    }
    return true;
  }

  static void terminate(TempCluster& cluster, const std::string& which) {
    cluster.exec(std::string("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ") +
                 k_sessions + " AND " + which);
  }

  // Until the job ends; one that can't end in this way is left in peace at last.
  bool harass(Process& process) {
    bool met = false;
    for (int i = 0; i < 60; ++i) {
      if (process.ends_within(milliseconds(m_random() % 200))) {
        break;
      }
      terminate(chance(2) ? m_source : m_target,
                std::string("pid = (SELECT pid FROM pg_stat_activity WHERE ") + k_sessions +
                    " ORDER BY random() LIMIT 1)");
      met = true;
    }
    return met;
  }

  [[nodiscard]] bool holds_snapshot() const {
    const auto status = job_status_if_any(m_job.directory);
    return status && status->at("held") == true;
  }

  // Which ends a run may have, by what was done to it.
  void judge() {
    m_done = m_last.code == 0;
    if (m_done) {
      return;
    }
    std::set<int> allowed;
    if (m_struck) {
      switch (*m_fault) {
      case CopyFault::kill_9:
      case CopyFault::crash_point:
        break;
      case CopyFault::interrupt:
      case CopyFault::interrupt_twice:
        allowed = {130};
        break;
      case CopyFault::pause_hold:
        allowed = {3};
        break;
      default:
        allowed = {1};
      }
    }
    const bool killed = m_struck && m_last.signal == SIGKILL &&
                        (m_fault == CopyFault::kill_9 || m_fault == CopyFault::crash_point);
    // A signal that comes before the handlers are set ends the process plainly.
    const bool early = m_struck && m_last.signal == SIGINT;
    if (!killed && !early && !(m_last.code && allowed.contains(*m_last.code))) {
      m_result.problems.push_back("a run struck by '" + (m_fault ? fault_name(*m_fault) : "") +
                                  "' ended with " + m_last.text());
    }
  }

  // About how long a run takes.
  [[nodiscard]] unsigned long usual_ms() const {
    switch (m_plan.source) {
    case CopySource::server:
      return 2500;
    case CopySource::an_export:
      return 900;
    case CopySource::file:
      return 500;
    }
    return 0;
  }

  TempCluster& m_source;
  TempCluster& m_target;
  const CopyTrialPlan& m_plan;
  Random m_random;
  std::string m_source_name;
  std::vector<std::string> m_target_names;
  TempDir m_dir;
  CopyJob m_job;
  bool m_truncates = false;
  bool m_creates = false;
  bool m_refreshes = false;  ///< a finished job is brought to a later snapshot
  TrialResult m_result;
  Ended m_last;
  std::optional<CopyFault> m_fault;
  bool m_struck = false;
  std::unique_ptr<Process> m_holder;
  bool m_done = false;
};

}  // namespace

std::string fault_name(CopyFault fault) {
  switch (fault) {
  case CopyFault::kill_9:
    return "kill -9";
  case CopyFault::crash_point:
    return "kill -9 at a step";
  case CopyFault::interrupt:
    return "SIGINT";
  case CopyFault::interrupt_twice:
    return "SIGINT twice";
  case CopyFault::pause_hold:
    return "pause --hold";
  case CopyFault::source_backends:
    return "source's backends";
  case CopyFault::target_backends:
    return "target's backends";
  case CopyFault::harass:
    return "backends all the time";
  case CopyFault::target_away:
    return "target away";
  case CopyFault::source_restart:
    return "source restart";
  case CopyFault::target_restart:
    return "target restart";
  case CopyFault::source_crash:
    return "source crash";
  case CopyFault::target_crash:
    return "target crash";
  }
  return "?";
}

TrialResult run_copy_trial(TempCluster& source, TempCluster& target, const CopyTrialPlan& plan) {
  return CopyTrial(source, target, plan).run();
}

}  // namespace pgstride::test
