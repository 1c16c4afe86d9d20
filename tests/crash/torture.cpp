// The random trials at full number, for tools/torture: PGSTRIDE_TORTURE_MINUTES,
// PGSTRIDE_TEST_SEED.
#include <doctest/doctest.h>

#include <chrono>
#include <iostream>
#include <random>

#include "harness/trial.hpp"

using namespace pgstride::test;

namespace {

TrialPlan plan_for(unsigned long seed) {
  static const std::vector<Fault> all = {
      Fault::kill_9,    Fault::kill_9,           Fault::kill_9,
      Fault::interrupt, Fault::interrupt_twice,  Fault::terminate,
      Fault::pause,     Fault::pause_hold,       Fault::restart_fast,
      Fault::backends,  Fault::restart_immediate};
  std::mt19937_64 random(seed);
  TrialPlan plan{.seed = seed, .faults = {Fault::kill_9}, .strikes = 6};
  plan.writers = random() % 2 == 0;
  plan.rewrites = plan.writers && random() % 3 == 0;
  if (random() % 3 == 0) {
    plan.faults = all;
  }
  plan.rows = 600 + static_cast<long>(random() % 2000);
  return plan;
}

}  // namespace

TEST_CASE("torture: random trials until the time is over" * doctest::skip()) {
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::minutes(number_from("PGSTRIDE_TORTURE_MINUTES", 10));
  std::map<std::string, int> strikes;
  long trials = 0;
  long mismatches = 0;
  for (auto seed = test_seed(); std::chrono::steady_clock::now() < end; ++seed) {
    const auto result = run_trial(shared_cluster(), plan_for(seed));
    ++trials;
    mismatches += result.problems.empty() ? 0 : 1;
    for (const auto& [fault, times] : result.strikes) {
      strikes[fault] += times;
    }
    std::cout << "seed " << seed << ": " << result.text() << std::endl;
    CHECK(joined(result.problems) == "");
  }
  long stops = 0;
  for (const auto& [fault, times] : strikes) {
    stops += fault.starts_with("SIG") || fault.starts_with("pause") ? times : 0;
  }
  std::cout << "trials=" << trials << " kills=" << strikes["kill -9"]
            << " restarts=" << strikes["restart fast"] + strikes["restart immediate"]
            << " terminated=" << strikes["backends"] << " stops=" << stops
            << " mismatches=" << mismatches << " seed=" << test_seed() << std::endl;
  CHECK(trials > 0);
}
