// Killed at each named step (base/crash_point.hpp), resumed until done.
#include <doctest/doctest.h>

#include <csignal>

#include "harness/export_job.hpp"
#include "support/temp_cluster.hpp"

using namespace pgstride::test;

namespace {

struct Step {
  const char* name;
  int times;       ///< it is killed when it comes to the step for the n-th time
  bool reinstate;  ///< the second run is killed there as well
};

// Those that come once per run or job are killed at their first time only.
const std::vector<Step> k_steps = {
    {"plan_stored", 1, false},
    {"locks_taken", 1, true},
    {"snapshot_taken", 1, true},
    {"chunk_claimed", 1, true},
    {"chunk_claimed", 25, true},
    {"chunk_copied", 1, true},
    {"chunk_copied", 30, true},
    {"file_part_written", 1, true},
    {"file_part_written", 20, true},
    {"file_synced", 1, true},
    {"file_synced", 20, true},
    {"file_renamed", 1, true},
    {"file_renamed", 20, true},
    {"checkpoint_before_commit", 1, true},
    {"checkpoint_before_commit", 9, true},
    {"checkpoint_after_commit", 1, true},
    {"checkpoint_after_commit", 9, true},
    {"table_finished", 1, true},
    {"table_finished", 4, true},
    {"job_ending", 1, true},
    {"manifest_written", 1, false},
};

}  // namespace

TEST_CASE("Killed at any named step and resumed, an export holds each row once") {
  static const std::string database = [] {
    auto name = shared_cluster().create_database("steps");
    auto session = shared_cluster().session(name);
    create_tables(session, all_kinds(), 600);
    return name;
  }();
  for (const auto& step : k_steps) {
    const auto at = step.name + std::string(":") + std::to_string(step.times);
    DOCTEST_SUBCASE(at.c_str()) {
      CAPTURE(at);
      TempDir dir;
      ExportJob job{.conninfo = shared_cluster().conninfo(database),
                    .directory = dir / "job",
                    .kinds = all_kinds(),
                    .options = {"--chunk-rows", "100", "-j", "3"}};
      const auto killed = job.run_export({{"PGSTRIDE_CRASH_AT", at}});
      INFO(killed.text());
      REQUIRE(killed.signal == SIGKILL);
      if (const auto status = job.status_if_any()) {
        CHECK(status->at("alive") == false);
        const bool unfinished = status->at("state") == "interrupted" || !job.is_planned();
        CHECK(unfinished);
      }
      if (step.reinstate) {
        // A run with less to do may not come to the step as often; then it must be done.
        const auto again = job.run_export({{"PGSTRIDE_CRASH_AT", at}});
        INFO(again.text());
        const bool killed_or_done = again.signal == SIGKILL || again.code == 0;
        CHECK(killed_or_done);
      }
      // A job that was killed before its plan was stored has nothing to resume.
      const auto last = job.is_planned() ? job.run_resume() : job.run_export();
      INFO(last.text());
      REQUIRE(last.code == 0);
      auto session = shared_cluster().session(database);
      CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");
      CHECK(run(program({"verify", job.directory, "--source", job.conninfo})).code == 0);
      CHECK(job.status().at("state") == "done");
    }
  }
}
