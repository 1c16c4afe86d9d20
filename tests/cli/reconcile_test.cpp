// What somebody does to tables between the plan and the resume: each a correct redo or a clear
// error, never rows of tables that the user left out, nor fewer rows with exit code 0.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cli/cli_cluster.hpp"

using namespace pgstride::test;

namespace {

/// Three partitions of 1000 rows each under a primary key.
const std::string k_partitioned =
    "CREATE TABLE p (id int, k int, t text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);"
    "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"
    "CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);"
    "CREATE TABLE p3 PARTITION OF p FOR VALUES IN (3);"
    "INSERT INTO p SELECT g, 1 + g % 3, 'x' FROM generate_series(1, 3000) g;";
const Environment k_planned_only = {{"PGSTRIDE_CRASH_AT", "plan_stored"}};

struct Case {
  std::string name;
  std::string setup;
  std::vector<std::string> options;
  std::string change;
  int code = 0;  ///< of the resume
  long rows = 0;
  bool same_as_source = true;  ///< verify --source finds no difference
  bool partly_done = false;    ///< paused after one chunk, else killed after the plan
};

const std::vector<Case> k_cases = {
    {"an excluded partition stays out", k_partitioned, {"-t", "p", "-T", "p1"}, "", 0, 2000},
    {"one partition named alone stays alone", k_partitioned, {"-t", "p2"}, "", 0, 1000},
    {"a new partition is exported under the filter of its table",
     k_partitioned,
     {"-t", "p", "--where", "PUBLIC.p:id <= 300"},
     "CREATE TABLE p4 PARTITION OF p FOR VALUES IN (4);"
     "INSERT INTO p SELECT g, 4, 'y' FROM generate_series(1, 1000) g",
     0,
     600},
    {"a partition's own filter survives its rewrite",
     k_partitioned,
     {"-t", "p2", "--where", "public.p2:id <= 300"},
     "VACUUM FULL p2",
     0,
     100},
    {"a renamed parent fails",
     k_partitioned,
     {"-t", "p"},
     "ALTER TABLE p RENAME TO q",
     1,
     0,
     false},
    {"a dropped parent fails, the others are exported",
     k_partitioned + "CREATE TABLE other (i int PRIMARY KEY); INSERT INTO other VALUES (1)",
     {},
     "DROP TABLE p",
     1,
     1,
     false},
    {"partitions of a table that had none are exported",
     "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id)",
     {"-t", "p"},
     "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);"
     "INSERT INTO p SELECT generate_series(1, 10)",
     0,
     10},
    {"a column added to all partitions is in all files",
     k_partitioned,
     {"-t", "p"},
     "ALTER TABLE p ADD COLUMN n int DEFAULT 5",
     0,
     3000,
     true,
     true},
    {"renamed partitions are exported once",
     k_partitioned,
     {"-t", "p"},
     "ALTER TABLE p1 RENAME TO p1_old; ALTER TABLE p2 RENAME TO p2_old;"
     "ALTER TABLE p3 RENAME TO p3_old",
     0,
     3000,
     true,
     true},
    {"a detached partition that was done is out",
     k_partitioned,
     {"-t", "p"},
     "ALTER TABLE p DETACH PARTITION p1; ALTER TABLE p DETACH PARTITION p2",
     0,
     1000,
     true,
     true},
    {"a key that lost its NOT NULL gets a chunk for its NULLs",
     "CREATE TABLE u (k int NOT NULL UNIQUE); INSERT INTO u SELECT generate_series(1, 1000)",
     {"-t", "u"},
     "ALTER TABLE u ALTER k DROP NOT NULL; INSERT INTO u SELECT NULL FROM generate_series(1, 7)",
     0,
     1007},
    {"a key that is not exported itself and was dropped, with NULLs since, is left",
     "CREATE TABLE k (id int PRIMARY KEY, v text);"
     "INSERT INTO k SELECT g, 'v' || g FROM generate_series(1, 1000) g",
     {"-t", "k", "--columns", "k:v", "--chunk-rows", "100"},
     "ALTER TABLE k DROP CONSTRAINT k_pkey; ALTER TABLE k ALTER id DROP NOT NULL;"
     "INSERT INTO k SELECT NULL, 'n' FROM generate_series(1, 77)",
     0,
     1077},
    // As a DETACH … CONCURRENTLY that was cancelled leaves it: the parent does not show it any
    // more.
    {"a partition whose concurrent detach is pending is out",
     k_partitioned,
     {"-t", "p"},
     "UPDATE pg_inherits SET inhdetachpending = true WHERE inhrelid = 'p1'::regclass",
     0,
     2000},
    {"a table that was dropped and made again is exported as it is now",
     "CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 1000)",
     {"-t", "t", "--chunk-rows", "300"},
     "DROP TABLE t; CREATE TABLE t (i int PRIMARY KEY, n text); INSERT INTO t VALUES (5, 'n')",
     0,
     1,
     true,
     true},
};

Arguments export_of(const std::string& database, const std::filesystem::path& job,
                    const Case& test) {
  Arguments arguments = {"export", "--source",   cli_cluster().conninfo(database),
                         "--out",  job.string(), "-j",
                         "1",      "--progress", "none"};
  arguments.insert(arguments.end(), test.options.begin(), test.options.end());
  if (test.partly_done) {
    arguments.insert(arguments.end(), {"--max-chunks", "1"});
  }
  return program(arguments);
}

}  // namespace

TEST_CASE(
    "What changes between plan and resume is redone or refused, by the user's own selection") {
  for (const auto& test : k_cases) {
    DOCTEST_SUBCASE(test.name.c_str()) {
      CAPTURE(test.name);
      const auto name = cli_cluster().create_database();
      auto session = cli_cluster().session(name);
      session.exec(test.setup);
      TempDir dir;
      const auto job = dir / "job";
      const auto first =
          run(export_of(name, job, test), test.partly_done ? Environment{} : k_planned_only);
      REQUIRE((test.partly_done ? first.code == 3 : first.signal == 9));
      if (!test.change.empty()) {
        for (std::size_t begin = 0; begin < test.change.size();) {
          const auto end = std::min(test.change.find(';', begin), test.change.size());
          session.exec(test.change.substr(begin, end - begin));
          begin = end + 1;
        }
      }
      const auto resumed = run(program({"resume", job.string(), "--progress", "none"}));
      INFO(resumed.text());
      CHECK(resumed.code == test.code);
      const auto status = Json::parse(run_or_throw(program({"status", job.string(), "--json"})));
      CHECK(status["rows"] == test.rows);
      if (test.same_as_source) {
        const auto verified =
            run(program({"verify", job.string(), "--source", cli_cluster().conninfo(name)}));
        INFO(verified.text());
        CHECK(verified.code == 0);
      }
      if (test.code == 1) {
        CHECK(resumed.err.find("HINT:") != std::string::npos);
        CHECK_FALSE(std::filesystem::exists(job / "manifest.json"));
      }
    }
  }
}

TEST_CASE("A dropped table is told as failed, not first as exported again") {
  const auto name = cli_cluster().create_database();
  auto session = cli_cluster().session(name);
  session.exec("CREATE TABLE heap AS SELECT g AS a, repeat('x', 500) AS b "
               "FROM generate_series(1, 3000) g; ANALYZE heap");
  TempDir dir;
  const auto job = (dir / "job").string();
  const auto first = run(program({"export", "--source", cli_cluster().conninfo(name), "--out", job,
                                  "--chunk-rows", "500", "--max-chunks", "2"}));
  INFO(first.text());
  REQUIRE(first.code == 3);
  session.exec("DROP TABLE heap");
  const auto resumed = run(program({"resume", job, "--progress", "none"}));
  INFO(resumed.text());
  CHECK(resumed.code == 1);
  CHECK(resumed.err.find("dropped") != std::string::npos);
  CHECK(resumed.err.find("exported again whole") == std::string::npos);
}

TEST_CASE("A partition attached while the snapshot waits for an older transaction is exported") {
  const auto name = cli_cluster().create_database();
  auto session = cli_cluster().session(name);
  session.exec(k_partitioned + "CREATE TABLE p4 (LIKE p INCLUDING ALL); CREATE TABLE w (i int);"
                               "INSERT INTO p4 SELECT g, 4, 'z' FROM generate_series(1, 500) g");
  auto older = cli_cluster().session(name);
  older.exec("BEGIN; INSERT INTO w VALUES (1)");
  TempDir dir;
  Process process(program({"export", "--source", cli_cluster().conninfo(name), "-t", "p", "--out",
                           (dir / "job").string(), "--progress", "none"}));
  REQUIRE(eventually([&] {
    return session.exec(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND"
               " application_name LIKE '%/snapshot'") == "1";
  }));
  session.exec("ALTER TABLE p ATTACH PARTITION p4 FOR VALUES IN (4)");
  older.exec("COMMIT");
  const auto ended = process.wait();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  const auto status =
      Json::parse(run_or_throw(program({"status", (dir / "job").string(), "--json"})));
  CHECK(status["rows"] == 3500);
  CHECK(status["consistency"] == "exact");
}

TEST_CASE("Killed anywhere in --restart, the old job is never taken for a finished one") {
  const auto name = items_database(500);
  for (const auto* step :
       {"discard_marked", "discard_files_removed", "discard_checkpoint_removed"}) {
    CAPTURE(step);
    TempDir dir;
    const auto job = items_job(name, dir / "job");
    REQUIRE(job.run_export().code == 0);
    auto restart = job.export_command();
    restart.insert(restart.end(), {"--restart", "--yes"});
    CHECK(run(restart, {{"PGSTRIDE_CRASH_AT", step}}).signal == 9);
    CHECK(job.run_resume().code == 2);
    CHECK(job.run_export().code == 0);
    auto session = cli_cluster().session(name);
    CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");
  }
}

TEST_CASE("A held snapshot outlives the loss of both its sessions one after the other") {
  const auto name = items_database(3000);
  TempDir dir;
  const auto job =
      items_job(name, dir / "job", {"--chunk-rows", "100", "-j", "1", "--chunk-pause", "50ms"});
  Process process(job.export_command());
  REQUIRE(eventually([&] { return job.has_done(2); }));
  REQUIRE(run(program({"pause", job.directory.string(), "--hold"})).code == 0);
  auto session = cli_cluster().session(name);
  session.exec("CREATE TABLE kept AS TABLE items");
  for (int round = 0; round < 2; ++round) {
    const auto oldest = session.exec("SELECT pid FROM pg_stat_activity WHERE datname = "
                                     "current_database() AND application_name LIKE "
                                     "'%/holder%' ORDER BY backend_start LIMIT 1");
    session.exec("SELECT pg_terminate_backend(" + oldest + ", 10000)");
    REQUIRE(eventually([&] {
      return session.exec(
                 "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                 "application_name LIKE '%/holder%' AND state = 'idle in transaction'") == "2";
    }));
  }
  session.exec("UPDATE items SET note = 'changed'");
  const auto resumed = job.run_resume();
  INFO(resumed.text());
  CHECK(resumed.code == 0);
  CHECK(process.wait().code == 3);
  CHECK(job.status()["consistency"] == "exact");
  session.exec("DROP TABLE items; ALTER TABLE kept RENAME TO items");
  CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");
}
