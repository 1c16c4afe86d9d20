// Jobs with a slot that die under writers and are resumed: all that changed is redone, so that
// everything is as of one snapshot at the end (correctness.md, 3).
#include <doctest/doctest.h>

#include "harness/copy_trial.hpp"
#include "harness/trial.hpp"

using namespace pgstride::test;

namespace {

TempCluster& logical_cluster() {
  static TempCluster cluster(logical_options());
  return cluster;
}

void run_trials(TrialPlan plan, long otherwise) {
  plan.writers = true;
  plan.slot = true;
  const long trials = number_from("PGSTRIDE_TRIALS", otherwise);
  for (long i = 0; i < trials; ++i) {
    plan.seed = test_seed() + static_cast<unsigned long>(i);
    const auto result = run_trial(logical_cluster(), plan);
    MESSAGE("seed " << plan.seed << ": " << result.text());
    CHECK(joined(result.problems) == "");
  }
}

}  // namespace

TEST_CASE("Exact: exports with a slot, killed under writers, are of one snapshot at the end") {
  run_trials({.faults = {Fault::kill_9, Fault::crash_point}}, 2);
}

TEST_CASE("Exact: copies with a slot, killed under writers, are of one snapshot at the end") {
  static TempCluster target;
  const long trials = number_from("PGSTRIDE_TRIALS", 2);
  for (long i = 0; i < trials; ++i) {
    CopyTrialPlan plan{.seed = test_seed() + static_cast<unsigned long>(i),
                       .faults = {CopyFault::kill_9, CopyFault::crash_point}};
    plan.writers = true;
    plan.slot = true;
    const auto result = run_copy_trial(logical_cluster(), target, plan);
    MESSAGE("seed " << plan.seed << ": " << result.text());
    CHECK(joined(result.problems) == "");
  }
}

TEST_CASE("Exact: a resume that redoes nothing is found out by the same check") {
  std::size_t found = 0;
  for (unsigned long seed = 1; seed <= 3; ++seed) {
    TrialPlan plan{.seed = seed, .faults = {Fault::crash_point}, .strikes = 1};
    plan.writers = true;
    plan.slot = true;
    plan.naive = true;
    found += run_trial(logical_cluster(), plan).problems.size();
  }
  CHECK(found > 0);
}

TEST_CASE("Exact: also where tables are rewritten and truncated between the runs") {
  run_trials({.faults = {Fault::kill_9, Fault::crash_point}, .rewrites = true}, 1);
}
