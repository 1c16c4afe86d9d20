// The random trials at full number, for tools/torture: PGSTRIDE_TORTURE_MINUTES,
// PGSTRIDE_TORTURE_ONLY (export, copy, import, exact), PGSTRIDE_TEST_SEED.
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>

#include "harness/copy_trial.hpp"
#include "harness/import_files.hpp"
#include "harness/trial.hpp"

using namespace pgstride::test;

namespace {

const std::vector<Fault>& all_faults() {
  static const std::vector<Fault> all = {
      Fault::kill_9,    Fault::kill_9,           Fault::kill_9,
      Fault::interrupt, Fault::interrupt_twice,  Fault::terminate,
      Fault::pause,     Fault::pause_hold,       Fault::restart_fast,
      Fault::backends,  Fault::restart_immediate};
  return all;
}

const std::vector<CopyFault>& all_copy_faults() {
  static const std::vector<CopyFault> all = {
      CopyFault::kill_9,          CopyFault::crash_point,     CopyFault::crash_point,
      CopyFault::interrupt,       CopyFault::interrupt_twice, CopyFault::pause_hold,
      CopyFault::source_backends, CopyFault::target_backends, CopyFault::harass,
      CopyFault::target_away,     CopyFault::source_restart,  CopyFault::target_restart,
      CopyFault::source_crash,    CopyFault::target_crash};
  return all;
}

const std::vector<CopyFault>& kills() {
  static const std::vector<CopyFault> kills = {CopyFault::kill_9, CopyFault::crash_point};
  return kills;
}

TrialResult export_trial(unsigned long seed) {
  std::mt19937_64 random(seed);
  TrialPlan plan{.seed = seed, .faults = {Fault::kill_9}, .strikes = 6};
  plan.writers = random() % 2 == 0;
  plan.rewrites = plan.writers && random() % 3 == 0;
  if (random() % 3 == 0) {
    plan.faults = all_faults();
  }
  plan.rows = 600 + static_cast<long>(random() % 2000);
  return run_trial(shared_cluster(), plan);
}

TrialResult copy_trial(unsigned long seed) {
  static TempCluster target;
  std::mt19937_64 random(seed);
  CopyTrialPlan plan{.seed = seed, .faults = random() % 2 == 0 ? kills() : all_copy_faults()};
  plan.strikes = 1 + static_cast<int>(random() % 5);
  plan.writers = random() % 3 == 0;
  plan.rows = 400 + static_cast<long>(random() % 1600);
  return run_copy_trial(shared_cluster(), target, plan);
}

TrialResult import_trial(unsigned long seed) {
  static TempCluster target;
  static const std::vector<CopyFault> all = {CopyFault::kill_9,          CopyFault::crash_point,
                                             CopyFault::crash_point,     CopyFault::interrupt,
                                             CopyFault::interrupt_twice, CopyFault::target_backends,
                                             CopyFault::harass,          CopyFault::target_away,
                                             CopyFault::target_restart,  CopyFault::target_crash};
  std::mt19937_64 random(seed);
  CopyTrialPlan plan{.seed = seed, .faults = random() % 2 == 0 ? kills() : all};
  plan.strikes = 1 + static_cast<int>(random() % 5);
  if (random() % 2 == 0) {
    plan.source = CopySource::file;
    plan.kinds = {wide_rows()};
    plan.rows = 8000 + static_cast<long>(random() % 8000);
  } else {
    plan.source = CopySource::an_export;
    plan.rows = 400 + static_cast<long>(random() % 1600);
  }
  return run_copy_trial(shared_cluster(), target, plan);
}

// With a slot and under writers: everything is as of one snapshot at the end.
TrialResult exact_trial(unsigned long seed) {
  static TempCluster source(logical_options());
  static TempCluster target;
  std::mt19937_64 random(seed);
  const auto strikes = 1 + static_cast<int>(random() % 5);
  const auto rows = 400 + static_cast<long>(random() % 1600);
  if (random() % 2 == 0) {
    TrialPlan plan{.seed = seed, .faults = {Fault::kill_9, Fault::crash_point}};
    if (random() % 3 == 0) {
      plan.faults = all_faults();
    }
    plan.strikes = strikes;
    plan.rows = rows;
    plan.writers = true;
    plan.rewrites = random() % 3 == 0;
    plan.slot = true;
    return run_trial(source, plan);
  }
  CopyTrialPlan plan{.seed = seed, .faults = random() % 2 == 0 ? kills() : all_copy_faults()};
  plan.strikes = strikes;
  plan.rows = rows;
  plan.writers = true;
  plan.slot = true;
  return run_copy_trial(source, target, plan);
}

TrialResult trial(const std::string& verb, unsigned long seed) {
  if (verb == "exact") {
    return exact_trial(seed);
  }
  if (verb == "import") {
    return import_trial(seed);
  }
  return verb == "copy" ? copy_trial(seed) : export_trial(seed);
}

struct Sums {
  std::map<std::string, int> strikes;
  long trials = 0;
  long mismatches = 0;

  void add(const TrialResult& result) {
    ++trials;
    mismatches += result.problems.empty() ? 0 : 1;
    for (const auto& [fault, times] : result.strikes) {
      strikes[fault] += times;
    }
  }

  [[nodiscard]] long of(const std::string& word) const {
    long sum = 0;
    for (const auto& [fault, times] : strikes) {
      sum += fault.find(word) != std::string::npos ? times : 0;
    }
    return sum;
  }

  [[nodiscard]] std::string text() const {
    return "trials=" + std::to_string(trials) + " kills=" + std::to_string(of("kill -9")) +
           " restarts=" + std::to_string(of("restart") + of("crash")) +
           " terminated=" + std::to_string(of("backends")) + " away=" + std::to_string(of("away")) +
           " stops=" + std::to_string(of("SIG") + of("pause")) +
           " mismatches=" + std::to_string(mismatches);
  }
};

}  // namespace

TEST_CASE("torture: random trials until the time is over" * doctest::skip()) {
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::minutes(number_from("PGSTRIDE_TORTURE_MINUTES", 10));
  const char* chosen = std::getenv("PGSTRIDE_TORTURE_ONLY");
  const std::string only = chosen != nullptr ? chosen : "";
  std::map<std::string, Sums> kinds;
  Sums all;
  for (auto seed = test_seed(); std::chrono::steady_clock::now() < end; ++seed) {
    static const std::array<std::string, 4> verbs = {"export", "copy", "import", "exact"};
    const auto& verb = only.empty() ? verbs[seed % verbs.size()] : only;
    const auto result = trial(verb, seed);
    kinds[verb].add(result);
    all.add(result);
    std::cout << verb << " seed " << seed << ": " << result.text() << std::endl;
    CHECK(joined(result.problems) == "");
  }
  for (const auto& [verb, sums] : kinds) {
    std::cout << verb << ": " << sums.text() << std::endl;
  }
  std::cout << all.text() << " seed=" << test_seed() << std::endl;
  CHECK(all.trials > 0);
}
