// A copy killed at each named step (base/crash_point.hpp), resumed until done. The targets' tables
// have no unique index, and hold rows of somebody else that --truncate must take out just once.
#include <doctest/doctest.h>

#include <csignal>

#include "harness/copy_job.hpp"
#include "harness/trial.hpp"
#include "support/temp_cluster.hpp"

using namespace pgstride::test;

namespace {

struct Step {
  const char* name;
  int times;  ///< it is killed when it comes to the step for the n-th time
};

const std::vector<Step> k_steps = {
    {"plan_stored", 1},
    {"ledger_entered", 1},
    {"locks_taken", 1},
    {"snapshot_taken", 1},
    {"tables_forgotten", 1},
    {"tables_emptied", 1},
    {"tables_started", 1},
    {"deferred_captured", 1},
    {"deferred_dropped", 1},
    {"chunk_claimed", 1},
    {"chunk_claimed", 8},
    {"ledger_written", 1},
    {"ledger_written", 20},
    {"chunk_copied", 1},
    {"chunk_copied", 20},
    {"chunk_before_commit", 1},
    {"chunk_before_commit", 20},
    {"chunk_after_commit", 1},
    {"chunk_after_commit", 20},
    {"checkpoint_before_commit", 9},
    {"checkpoint_after_commit", 9},
    {"table_finished", 1},
    {"table_finished", 4},
    {"deferred_built", 1},
    {"load_ended", 1},
    {"ledger_dropped", 1},
};

// Without a ledger.
const std::vector<Step> k_mark_steps = {
    {"marks_settled", 1},
    {"tables_emptied", 1},
    {"emptying_marked", 1},
    {"tables_started", 1},
    {"deferred_dropped", 1},
    {"chunk_claimed", 8},
    {"chunk_begun", 1},
    {"chunk_begun", 20},
    {"chunk_before_mark", 20},
    {"chunk_before_commit", 1},
    {"chunk_before_commit", 20},
    {"chunk_after_commit", 1},
    {"chunk_after_commit", 20},
    {"checkpoint_before_commit", 9},
    {"checkpoint_before_commit", 30},
    {"checkpoint_after_commit", 30},
    {"table_finished", 4},
    {"load_ended", 1},
};

const std::vector<TableKind>& some_kinds() {
  static const std::vector<TableKind> kinds = {kind("orders"),    kind("nullable"), kind("no_key"),
                                               kind("parted"),    kind("one_text"), kind("empty"),
                                               kind("many_types")};
  return kinds;
}

const std::string& source_database() {
  static const std::string database = [] {
    auto name = shared_cluster().create_database("steps");
    auto session = shared_cluster().session(name);
    create_tables(session, some_kinds(), 600);
    return name;
  }();
  return database;
}

void check_killed_at(const std::string& at, const std::vector<std::string>& run_options,
                     const std::vector<std::string>& more = {}) {
  const auto database = shared_cluster().create_database("into");
  {
    auto target = shared_cluster().session(database);
    create_target_tables(target, some_kinds(), 600);
    target.exec("INSERT INTO orders SELECT 1, 1, 1, 'not ours' FROM generate_series(1, 5);"
                "INSERT INTO no_key VALUES (1, 'not ours'); CREATE INDEX note ON orders (note)");
  }
  TempDir dir;
  CopyJob job{.source = shared_cluster().conninfo(source_database()),
              .targets = {shared_cluster().conninfo(database)},
              .directory = dir / "job",
              .kinds = some_kinds(),
              .options = {"--chunk-rows", "100", "-j", "3", "--truncate", "--defer-indexes"},
              .run_options = run_options};
  job.options.insert(job.options.end(), more.begin(), more.end());
  REQUIRE(joined(run_killed_at(job, at)) == "");
  CHECK(joined(check_copy(job)) == "");
  CHECK(pg_exec(job.targets[0], "SELECT count(*) FROM pg_indexes WHERE indexname = 'note'") == "1");
  shared_cluster().exec("DROP DATABASE " + database + " (FORCE)");
}

// Every other step, so that two seeds in a row show all.
bool is_in_sample(std::size_t number) {
  return (number + test_seed()) % 2 == 0;
}

}  // namespace

TEST_CASE("Killed at any named step and resumed, a copy brings each row once") {
  // With fuzzy no table is loaded again whole, which would hide what came twice.
  for (const std::string consistency : {"auto", "fuzzy"}) {
    for (std::size_t i = 0; i < k_steps.size(); ++i) {
      if (consistency == "auto" && !is_in_sample(i)) {
        continue;
      }
      const auto at = k_steps[i].name + std::string(":") + std::to_string(k_steps[i].times);
      const auto name = at + " " + consistency;
      DOCTEST_SUBCASE(name.c_str()) {
        CAPTURE(name);
        check_killed_at(at, {"--consistency", consistency});
      }
    }
  }
}

TEST_CASE("Killed at any named step and resumed, a copy without a ledger brings each row once") {
  for (std::size_t i = 0; i < k_mark_steps.size(); ++i) {
    if (!is_in_sample(i)) {
      continue;
    }
    const auto at = k_mark_steps[i].name + std::string(":") + std::to_string(k_mark_steps[i].times);
    DOCTEST_SUBCASE(at.c_str()) {
      CAPTURE(at);
      check_killed_at(at, {"--consistency", "fuzzy"}, {"--ledger", "no"});
    }
  }
}
