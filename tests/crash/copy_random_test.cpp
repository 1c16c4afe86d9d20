// Random trials of copies in small number; tools/torture runs the same at full number.
#include <doctest/doctest.h>

#include "harness/copy_trial.hpp"

using namespace pgstride::test;

namespace {

TempCluster& target_cluster() {
  static TempCluster cluster;
  return cluster;
}

void run_trials(CopyTrialPlan plan, long otherwise) {
  const long trials = number_from("PGSTRIDE_TRIALS", otherwise);
  for (long i = 0; i < trials; ++i) {
    plan.seed = test_seed() + static_cast<unsigned long>(i);
    const auto result = run_copy_trial(shared_cluster(), target_cluster(), plan);
    MESSAGE("seed " << plan.seed << ": " << result.text());
    CHECK(joined(result.problems) == "");
  }
}

const std::vector<CopyFault> k_kills = {CopyFault::kill_9, CopyFault::crash_point};
const std::vector<CopyFault> k_stops = {CopyFault::interrupt, CopyFault::interrupt_twice,
                                        CopyFault::pause_hold};
const std::vector<CopyFault> k_servers = {CopyFault::source_restart, CopyFault::target_restart,
                                          CopyFault::source_crash, CopyFault::target_crash,
                                          CopyFault::target_away};
const std::vector<CopyFault> k_sessions = {CopyFault::source_backends, CopyFault::target_backends,
                                           CopyFault::harass};

}  // namespace

TEST_CASE("Random kill -9 of a copy loses and doubles no row") {
  run_trials({.faults = k_kills}, 2);
}

TEST_CASE("Random kill -9 of a copy without a ledger, and crashes of its targets") {
  run_trials({.faults = {CopyFault::kill_9, CopyFault::crash_point, CopyFault::target_crash,
                         CopyFault::target_backends},
              .without_ledger = true},
             2);
}

TEST_CASE("Random kill -9 of a copy under writers: each range is what its snapshot saw") {
  run_trials({.faults = k_kills, .writers = true}, 2);
}

TEST_CASE("Orderly stops of a copy under writers") {
  run_trials({.faults = k_stops, .writers = true}, 1);
}

TEST_CASE("Restarts and crashes of the servers of a copy") {
  run_trials({.faults = k_servers, .strikes = 3}, 1);
}

TEST_CASE("Sessions of a copy terminated all the time") {
  run_trials({.faults = k_sessions, .strikes = 3, .writers = true}, 1);
}
