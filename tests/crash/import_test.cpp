// An import killed at each named step (base/crash_point.hpp) and at random moments, its targets
// restarted and their sessions terminated; resumed until done. The targets' tables have no unique
// index, and hold rows of somebody else that --truncate must take out just once.
#include <doctest/doctest.h>

#include <csignal>

#include "harness/copy_trial.hpp"
#include "harness/import_files.hpp"

using namespace pgstride::test;

namespace {

TempCluster& target_cluster() {
  static TempCluster cluster;
  return cluster;
}

struct Source {
  explicit Source(const std::vector<TableKind>& tables, long row_count)
      : kinds(tables), rows(row_count) {
    job.source = shared_cluster().conninfo(shared_cluster().create_database("imported"));
    job.kinds = kinds;
    PgSession session(job.source);
    create_tables(session, kinds, rows);
  }
  TempDir dir;
  std::vector<TableKind> kinds;
  long rows;
  CopyJob job;
};

void check_killed_at(const Source& source, const std::string& at,
                     const std::vector<std::string>& more = {}) {
  const auto database = shared_cluster().create_database("into");
  TempDir dir;
  auto job = source.job;
  job.targets = {shared_cluster().conninfo(database)};
  job.directory = dir / "job";
  job.options = {"-j", "3", "--truncate", "--defer-indexes"};
  job.options.insert(job.options.end(), more.begin(), more.end());
  {
    auto target = shared_cluster().session(database);
    create_target_tables(target, source.kinds, source.rows);
    const auto& first = source.kinds.front();
    target.exec("INSERT INTO " + first.quoted() +
                " (id) VALUES (1), (2), (2); CREATE INDEX note ON " + first.quoted() + " (note)");
  }
  REQUIRE(joined(run_killed_at(job, at)) == "");
  CHECK(joined(check_copy(job)) == "");
  CHECK(pg_exec(job.targets[0], "SELECT count(*) FROM pg_indexes WHERE indexname = 'note'") == "1");
  shared_cluster().exec("DROP DATABASE " + database + " (FORCE)");
}

void check_each_step(const Source& source, const std::vector<int>& times) {
  std::vector<std::string> steps;
  for (const std::string once :
       {"plan_stored", "ledger_entered", "tables_forgotten", "tables_emptied", "tables_started",
        "deferred_captured", "deferred_dropped", "table_finished", "deferred_built", "load_ended",
        "ledger_dropped"}) {
    steps.push_back(once + ":1");
  }
  for (const std::string often :
       {"chunk_claimed", "ledger_written", "chunk_copied", "chunk_before_commit",
        "chunk_after_commit", "checkpoint_before_commit", "checkpoint_after_commit"}) {
    for (const int time : times) {
      steps.push_back(often + ":" + std::to_string(time));
    }
  }
  for (const auto& step : steps) {
    CAPTURE(step);
    check_killed_at(source, step);
  }
}

void run_trials(CopyTrialPlan plan, long otherwise) {
  const long trials = number_from("PGSTRIDE_TRIALS", otherwise);
  for (long i = 0; i < trials; ++i) {
    for (const auto from : {CopySource::an_export, CopySource::file}) {
      plan.seed = test_seed() + static_cast<unsigned long>(i);
      plan.source = from;
      plan.kinds = from == CopySource::file ? std::vector{wide_rows()} : all_kinds();
      plan.rows = from == CopySource::file ? 20000 : 800;
      const auto result = run_copy_trial(shared_cluster(), target_cluster(), plan);
      MESSAGE("seed " << plan.seed << ": " << result.text());
      CHECK(joined(result.problems) == "");
    }
  }
}

}  // namespace

TEST_CASE("Killed at any named step and resumed, an import of an export brings each row once") {
  Source source({kind("orders"), kind("no_key"), kind("parted"), kind("empty")}, 600);
  import_from_export(source.job, source.dir / "files", {"--chunk-rows", "100", "-j", "2"});
  check_each_step(source, {1, 8});
}

TEST_CASE("Killed at any named step and resumed, an import of a cut file brings each row once") {
  Source source({wide_rows()}, 10000);
  import_from_file(source.job, source.dir / "files");
  check_each_step(source, {1, 2});
}

TEST_CASE("Killed at any named step and resumed, an import without a ledger brings each row once") {
  Source source({wide_rows()}, 10000);
  import_from_file(source.job, source.dir / "files");
  for (const std::string at :
       {"marks_settled:1", "emptying_marked:1", "tables_started:1", "chunk_begun:2",
        "chunk_before_commit:1", "chunk_before_commit:2", "chunk_after_commit:1",
        "chunk_after_commit:2", "checkpoint_before_commit:4", "load_ended:1"}) {
    CAPTURE(at);
    check_killed_at(source, at, {"--ledger", "no"});
  }
}

TEST_CASE("Random kill -9 of an import loses and doubles no row") {
  run_trials({.faults = {CopyFault::kill_9, CopyFault::crash_point}}, 2);
}

TEST_CASE("Crashes and restarts of an import's targets, and stops of it") {
  run_trials({.faults = {CopyFault::target_restart, CopyFault::target_crash, CopyFault::target_away,
                         CopyFault::interrupt, CopyFault::interrupt_twice, CopyFault::pause_hold},
              .strikes = 3},
             1);
}

TEST_CASE("Sessions of an import terminated all the time") {
  run_trials({.faults = {CopyFault::target_backends, CopyFault::harass}, .strikes = 3}, 1);
}
