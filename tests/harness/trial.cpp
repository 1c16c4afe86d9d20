#include "harness/trial.hpp"

#include <csignal>
#include <cstdlib>
#include <memory>
#include <random>
#include <set>

#include "harness/history.hpp"
#include "harness/writers.hpp"

namespace pgstride::test {
namespace {

using Random = std::mt19937_64;

template <typename List> const auto& one_of(const List& list, Random& random) {
  return list[random() % list.size()];
}

const std::vector<std::string>& exact_steps() {
  static const std::vector<std::string> steps = {"locks_taken",
                                                 "slot_creating",
                                                 "publications_made",
                                                 "slot_made",
                                                 "slot_recorded",
                                                 "snapshot_taken",
                                                 "changes_read",
                                                 "dirty_stored",
                                                 "chunk_copied",
                                                 "file_renamed",
                                                 "checkpoint_after_commit",
                                                 "checkpoint_before_commit",
                                                 "manifest_written",
                                                 "slot_advancing",
                                                 "slot_advanced"};
  return steps;
}

class Trial {
 public:
  Trial(TempCluster& cluster, const TrialPlan& plan)
      : m_cluster(cluster), m_plan(plan), m_random(plan.seed),
        m_database(cluster.create_database("trial")) {
    m_job.conninfo = cluster.conninfo(m_database);
    m_job.directory = m_dir / "job";
    m_job.kinds = plan.kinds;
    m_job.options = random_export_options(m_random);
    if (plan.slot) {
      m_job.options.insert(m_job.options.end(), {"--slot", m_database, "--publication", "changes"});
    }
    auto session = cluster.session(m_database);
    create_tables(session, plan.kinds, plan.rows);
    if (plan.writers) {
      start_history(session, plan.kinds);
    }
  }

  TrialResult run() {
    try {
      run_and_check();
    } catch (const std::exception& error) {
      m_result.problems.push_back(std::string("trial broke off: ") + error.what());
    }
    if (m_result.problems.empty()) {
      m_cluster.exec("DROP DATABASE " + m_database + " (FORCE)");
    }
    return m_result;
  }

 private:
  void run_and_check() {
    {
      auto writers = start_writers(m_plan.rewrites);
      run_until_done(writers);
      if (m_plan.slot && !m_plan.naive && m_done && m_random() % 2 == 0) {
        m_refreshes = true;
        m_done = false;
        run_until_done(writers);
      }
      count(writers);
    }
    if (m_done) {
      check();
    } else {
      m_result.problems.push_back("the job was not done after " + std::to_string(m_result.runs) +
                                  " runs: " + m_last.text());
    }
  }

  void run_until_done(std::unique_ptr<Writers>& writers) {
    for (int strike = 0; strike < m_plan.strikes && !m_done; ++strike) {
      run_once(true);
    }
    finish_in_peace(writers);
  }

  std::unique_ptr<Writers> start_writers(bool rewrites) {
    std::unique_ptr<Writers> writers;
    if (m_plan.writers) {
      writers = std::make_unique<Writers>(
          m_job.conninfo, m_plan.kinds,
          WriterOptions{
              .threads = 2, .seed = m_plan.seed, .rows = m_plan.rows, .rewrites = rewrites});
    }
    return writers;
  }

  void count(const std::unique_ptr<Writers>& writers) {
    if (writers) {
      m_result.writes += writers->writes();
      m_result.rewrites += writers->rewrites();
    }
  }

  // Rewrites can make going on impossible; the job must say so, and a restart must do.
  void finish_in_peace(std::unique_ptr<Writers>& writers) {
    for (int run = 0; run < 3 && !m_done; ++run) {
      run_once(false);
    }
    if (!m_done && m_plan.rewrites && m_last.code == 1) {
      count(writers);
      writers.reset();
      writers = start_writers(false);
      m_restart = true;
      ++m_result.begun_anew;
      run_once(false);
    }
  }

  void run_once(bool struck) {
    ++m_result.runs;
    const bool resume = m_random() % 2 == 0 && !m_restart && m_job.is_planned();
    auto command = resume ? m_job.resume_command() : m_job.export_command();
    if (m_refreshes && !m_restart) {
      command = m_job.resume_command({"--refresh"});
    }
    if (m_plan.naive) {
      command.insert(command.end(), {"--consistency", "fuzzy"});
    }
    if (m_restart) {
      command.insert(command.end(), {"--restart", "--yes"});
    }
    const auto begin = std::chrono::steady_clock::now();
    const auto fault = one_of(m_plan.faults, m_random);
    Environment environment;
    if (struck && fault == Fault::crash_point) {
      // The first run is killed with some of its work done, as the others' steps are those of a
      // resume.
      const bool first = m_result.runs == 1;
      environment["PGSTRIDE_CRASH_AT"] =
          (first ? "chunk_copied" : one_of(exact_steps(), m_random)) + ":" +
          std::to_string(1 + m_random() % (first ? 60 : 3));
    }
    auto process = std::make_unique<Process>(command, environment);
    if (struck) {
      strike(*process, fault);
    }
    if (m_fault == fault_name(Fault::pause_hold) && holds_snapshot()) {
      // It lives on until a resume takes its snapshot over.
      m_last = {};
      m_last.code = 3;
      m_fault.reset();
      m_holder = std::move(process);
      return;
    }
    m_last = process->wait(std::chrono::seconds(180));
    judge(std::chrono::steady_clock::now() - begin);
    if (m_done && m_holder) {
      const auto ended = std::exchange(m_holder, nullptr)->wait();
      if (ended.code != 3) {
        m_result.problems.push_back("the holder of a snapshot ended with " + ended.text());
      }
    }
  }

  void strike(Process& process, Fault fault) {
    if (fault == Fault::crash_point) {
      m_fault = fault_name(fault);
      ++m_result.strikes[*m_fault];
      return;
    }
    const auto moment = static_cast<long>(m_random() % static_cast<unsigned long>(s_usual_ms));
    if (process.ends_within(std::chrono::milliseconds(moment))) {
      return;
    }
    m_fault = fault_name(fault);
    ++m_result.strikes[*m_fault];
    switch (fault) {
    case Fault::crash_point:
      return;
    case Fault::kill_9:
      return process.kill(SIGKILL);
    case Fault::interrupt:
      return process.kill(SIGINT);
    case Fault::interrupt_twice:
      process.kill(SIGINT);
      process.ends_within(std::chrono::milliseconds(m_random() % 20));
      return process.kill(SIGINT);
    case Fault::terminate:
      return process.kill(SIGTERM);
    case Fault::pause:
      return pause({});
    case Fault::pause_hold:
      return pause({"--hold"});
    case Fault::backends:
      m_cluster.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                     " WHERE application_name LIKE 'pgstride/%' AND random() < 0.5");
      return;
    case Fault::restart_fast:
      return m_cluster.restart(StopMode::fast);
    case Fault::restart_immediate:
      return m_cluster.restart(StopMode::immediate);
    }
  }

  void pause(const Arguments& more) {
    Arguments arguments = {"pause", m_job.directory};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto ended = test::run(program(arguments));
    // 2: there was no job yet, or none any more.
    if (ended.code != 0 && ended.code != 2 && ended.code != 1) {
      m_result.problems.push_back("pause: " + ended.text());
    }
  }

  [[nodiscard]] bool holds_snapshot() const {
    const auto status = m_job.status_if_any();
    return status && status->at("held") == true;
  }

  // Which ends a run may have, by what was done to it.
  void judge(std::chrono::steady_clock::duration took) {
    const auto fault = std::exchange(m_fault, std::nullopt).value_or("");
    m_done = m_last.code == 0;
    if (m_done) {
      m_restart = false;
      if (fault.empty()) {
        s_usual_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count() + 50;
      }
      return;
    }
    std::set<int> allowed;
    if (fault == "SIGINT" || fault == "SIGINT twice") {
      allowed = {130};
    }
    if (fault == "SIGTERM" || fault.starts_with("pause")) {
      allowed = {3};
    }
    const bool server_hurt = fault == "backends" || fault.starts_with("restart");
    if (server_hurt || m_plan.rewrites) {
      allowed.insert(1);
    }
    const bool fine =
        m_last.code ? allowed.contains(*m_last.code)
                    : m_last.signal == SIGKILL && (fault == "kill -9" || fault == "crash point");
    // A signal that comes before the handlers are set ends the process plainly.
    const bool early = !m_last.code && ((m_last.signal == SIGINT && fault.starts_with("SIGINT")) ||
                                        (m_last.signal == SIGTERM && fault == "SIGTERM"));
    if (!fine && !early) {
      m_result.problems.push_back("a run struck by '" + fault + "' ended with " + m_last.text());
    }
  }

  void check() {
    auto status = m_job.status(true);
    if (m_plan.naive) {
      status["consistency"] = "exact";
      for (auto& chunk : status["chunk_list"]) {
        chunk["snapshot"] = status.at("snapshot");
      }
    }
    m_result.consistency =
        status.at("consistency").is_string() ? status["consistency"].get<std::string>() : "";
    auto session = m_cluster.session(m_database);
    if (m_plan.slot && m_result.consistency != "exact") {
      m_result.problems.push_back("a job with a slot ended " + m_result.consistency);
    }
    const auto found = m_plan.writers
                           ? check_with_history(session, m_job.directory, status, m_plan.kinds)
                           : check_at_rest(session, m_job.directory, m_plan.kinds);
    m_result.problems.insert(m_result.problems.end(), found.begin(), found.end());
    Arguments verify = {"verify", m_job.directory};
    if (!m_plan.writers) {
      verify.insert(verify.end(), {"--source", m_job.conninfo});
    }
    const auto verified = test::run(program(verify));
    if (verified.code != 0) {
      m_result.problems.push_back("verify: " + verified.text());
    }
    if (status.at("state") != "done") {
      m_result.problems.push_back("status calls the job " + status.at("state").dump());
    }
  }

  inline static long s_usual_ms = 1500;  // how long an undisturbed run takes here

  TempCluster& m_cluster;
  const TrialPlan& m_plan;
  Random m_random;
  std::string m_database;
  TempDir m_dir;
  ExportJob m_job;
  TrialResult m_result;
  Ended m_last;
  std::optional<std::string> m_fault;
  std::unique_ptr<Process> m_holder;
  bool m_done = false;
  bool m_restart = false;
  bool m_refreshes = false;  // a finished job is brought to a later snapshot
};

}  // namespace

std::vector<std::string> random_export_options(std::mt19937_64& random) {
  static const std::vector<std::vector<std::string>> formats = {{"--format", "csv"},
                                                                {"--format", "csv", "--header"},
                                                                {"--format", "text"},
                                                                {"--format", "binary"}};
  static const std::vector<std::string> compressions = {"none", "zstd:1", "gzip:1", "lz4",
                                                        "zstd:3"};
  std::vector<std::string> options = one_of(formats, random);
  options.insert(options.end(),
                 {"-Z", one_of(compressions, random), "--chunk-rows",
                  std::to_string(60 + random() % 200), "-j", std::to_string(1 + random() % 4)});
  return options;
}

std::string fault_name(Fault fault) {
  switch (fault) {
  case Fault::kill_9:
    return "kill -9";
  case Fault::crash_point:
    return "crash point";
  case Fault::interrupt:
    return "SIGINT";
  case Fault::interrupt_twice:
    return "SIGINT twice";
  case Fault::terminate:
    return "SIGTERM";
  case Fault::pause:
    return "pause";
  case Fault::pause_hold:
    return "pause --hold";
  case Fault::backends:
    return "backends";
  case Fault::restart_fast:
    return "restart fast";
  case Fault::restart_immediate:
    return "restart immediate";
  }
  return "?";
}

std::string TrialResult::text() const {
  std::string text = std::to_string(runs) + " runs";
  for (const auto& [fault, times] : strikes) {
    text += ", " + std::to_string(times) + " × " + fault;
  }
  text += ", " + std::to_string(writes) + " writes, " + std::to_string(rewrites) + " rewrites, " +
          std::to_string(begun_anew) + " begun anew, " + consistency;
  return problems.empty() ? text : text + "\n" + joined(problems);
}

TrialResult run_trial(TempCluster& cluster, const TrialPlan& plan) {
  return Trial(cluster, plan).run();
}

ClusterOptions logical_options() {
  return {
      .settings = {"wal_level = logical", "max_replication_slots = 60", "max_wal_senders = 60"}};
}

unsigned long test_seed() {
  return static_cast<unsigned long>(number_from("PGSTRIDE_TEST_SEED", 1));
}

long number_from(const char* variable, long otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr && *text != '\0' ? std::atol(text) : otherwise;
}

}  // namespace pgstride::test
