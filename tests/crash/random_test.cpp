// Random trials in small number; tools/torture runs the same at full number (torture.cpp).
#include <doctest/doctest.h>

#include "harness/trial.hpp"

using namespace pgstride::test;

namespace {

void run_trials(TrialPlan plan, long otherwise) {
  const long trials = number_from("PGSTRIDE_TRIALS", otherwise);
  for (long i = 0; i < trials; ++i) {
    plan.seed = test_seed() + static_cast<unsigned long>(i);
    const auto result = run_trial(shared_cluster(), plan);
    MESSAGE("seed " << plan.seed << ": " << result.text());
    CHECK(joined(result.problems) == "");
  }
}

const std::vector<Fault> k_stops = {Fault::interrupt, Fault::interrupt_twice, Fault::terminate,
                                    Fault::pause, Fault::pause_hold};
const std::vector<Fault> k_server = {Fault::backends, Fault::restart_fast,
                                     Fault::restart_immediate};

}  // namespace

TEST_CASE("Random kill -9 of the export of a source at rest loses and doubles no row") {
  run_trials({.faults = {Fault::kill_9}}, 4);
}

TEST_CASE("Random kill -9 under writers: each chunk is what its snapshot saw") {
  run_trials({.faults = {Fault::kill_9}, .writers = true}, 4);
}

TEST_CASE("Random kill -9 under writers that also rewrite and truncate") {
  run_trials({.faults = {Fault::kill_9}, .writers = true, .rewrites = true}, 3);
}

TEST_CASE("Orderly stops under writers, resumed") {
  run_trials({.faults = k_stops, .writers = true}, 3);
}

TEST_CASE("Server restarts and terminated sessions at rest") {
  run_trials({.faults = k_server, .strikes = 3}, 2);
}

TEST_CASE("Server restarts and terminated sessions under writers") {
  run_trials({.faults = k_server, .strikes = 3, .writers = true}, 2);
}
