// What `pgstride copy --create-schema` can't do, and what it says of it.
#include <doctest/doctest.h>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

using namespace pgstride::test;

namespace {

struct Made {
  std::string source_name = cli_cluster().create_database("limits");
  std::string target_name = cli_cluster().create_database("limits_of");
  TempDir dir;
  CopyJob job{.source = cli_cluster().conninfo(source_name),
              .targets = {cli_cluster().conninfo(target_name)},
              .directory = dir / "job",
              .kinds = {},
              .options = {"--create-schema", "-j", "1", "--chunk-rows", "10"}};

  explicit Made(const std::string& sql) { pg_exec(job.source, sql); }

  [[nodiscard]] Ended copy(const std::vector<std::string>& more = {},
                           const Environment& environment = {}) const {
    return run(job.copy_command(more), environment);
  }
  [[nodiscard]] std::string in_target(const std::string& sql) const {
    return pg_exec(job.targets.front(), sql);
  }
};

const std::string k_table = "CREATE TABLE t (i int PRIMARY KEY, n int);"
                            "INSERT INTO t SELECT i, i FROM generate_series(1, 50) i;";

bool says(const Ended& ended, const std::string& text) {
  return ended.err.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("--columns that leaves out what must be there is refused before a table is made") {
  const Made made("CREATE TABLE t (a int, b int NOT NULL, c int, d int NOT NULL DEFAULT 4)");
  const auto ended = made.copy({"--columns", "t:a,c"});
  INFO(ended.text());
  CHECK(ended.code == 2);
  CHECK(says(ended, "--create-schema would make column \"b\" of public.t"));
  CHECK(made.in_target("SELECT to_regclass('t')") == "");
  CHECK_FALSE(std::filesystem::exists(made.job.directory));
  CHECK(made.copy({"--columns", "t:a,b"}).code == 0);
}

TEST_CASE("A column that came between the plan and the first table is made too") {
  const Made made(k_table);
  CHECK(made.copy({}, {{"PGSTRIDE_CRASH_AT", "plan_stored"}}).signal == 9);
  pg_exec(made.job.source, "ALTER TABLE t ADD COLUMN more int DEFAULT 7");
  const auto ended = made.job.run_resume();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(made.in_target("SELECT count(*), sum(more) FROM t") == "50|350");
}

TEST_CASE("A column that came after the tables were made is an error that says what was made") {
  const Made made(k_table);
  CHECK(made.copy({}, {{"PGSTRIDE_CRASH_AT", "schema_captured"}}).signal == 9);
  pg_exec(made.job.source, "ALTER TABLE t ADD COLUMN more int DEFAULT 7");
  const auto ended = made.job.run_resume();
  INFO(ended.text());
  CHECK(ended.code == 2);
  CHECK_FALSE(says(ended, "nothing was changed"));
  CHECK(says(ended, "--restart, which drops them"));
  const auto again = made.copy({"--restart", "--yes"});
  INFO(again.text());
  CHECK(again.code == 0);
  CHECK(made.in_target("SELECT count(*), sum(more) FROM t") == "50|350");
}

TEST_CASE("clean of an unfinished job names the tables that stay without their keys") {
  const Made made(k_table);
  REQUIRE(made.copy({"--max-chunks", "2"}).code == 3);
  const auto ended = run(program({"clean", made.job.directory.string(), "--yes"}));
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(says(ended, "stay without their 1 indexes and keys"));
  CHECK(says(ended, "public.t"));
}

TEST_CASE("--restart of a job that has only its end left says that resume ends it") {
  for (const std::string step : {"load_ended", "ledger_dropped"}) {
    CAPTURE(step);
    const Made made(k_table);
    CHECK(made.copy({}, {{"PGSTRIDE_CRASH_AT", step}}).signal == 9);
    const auto ended = made.copy({"--restart", "--yes"});
    INFO(ended.text());
    CHECK(ended.code == 2);
    CHECK(says(ended, "the target has public.t already"));
    CHECK(says(ended, "`pgstride resume` ends the job"));
    CHECK(made.job.run_resume().code == 0);
  }
}

TEST_CASE("Materialized views are left out and told, unless they are named") {
  const Made made(k_table + "CREATE MATERIALIZED VIEW mv AS SELECT * FROM t");
  const auto ended = made.copy();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(says(ended, "materialized view public.mv is left out"));
  CHECK(made.in_target("SELECT count(*), to_regclass('mv') FROM t") == "50|");
  Made named(k_table + "CREATE MATERIALIZED VIEW mv AS SELECT * FROM t");
  CHECK(says(named.copy({"-t", "mv"}), "can't make a table of public.mv"));
}

TEST_CASE("With --defer-indexes an index of others with a name that is needed stays") {
  const Made made(k_table);
  (void)made.in_target("CREATE TABLE others (i int); CREATE INDEX t_pkey ON others (i)");
  const auto ended = made.copy({"--defer-indexes"});
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(made.in_target("SELECT count(*) FROM pg_indexes WHERE tablename = 'others'") == "1");
  (void)made.in_target("DROP TABLE others");
  CHECK(made.job.run_resume().code == 0);
}
