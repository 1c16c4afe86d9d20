// Foreign keys where a job empties the table that they refer to.
#include <doctest/doctest.h>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

using namespace pgstride::test;

namespace {

const std::string k_tables = "CREATE TABLE a (id int PRIMARY KEY, note text);"
                             "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);";
const std::string k_rows =
    "INSERT INTO a SELECT i, repeat('n', 500) FROM generate_series(1, 1000) i;"
    "INSERT INTO b SELECT i, i FROM generate_series(1, 10) i;";

struct Keyed {
  std::string source_name = cli_cluster().create_database("keyed");
  std::string target_name = cli_cluster().create_database("keyed_in");
  TempDir dir;
  CopyJob job{.source = cli_cluster().conninfo(source_name),
              .targets = {cli_cluster().conninfo(target_name)},
              .directory = dir / "job",
              .kinds = {},
              .options = {"--chunk-rows", "100", "-j", "1"}};

  Keyed(const std::string& source, const std::string& target) {
    pg_exec(job.source, source);
    pg_exec(job.targets[0], target);
  }
  [[nodiscard]] std::string in_target(const std::string& sql) const {
    return pg_exec(job.targets[0], sql);
  }
  [[nodiscard]] std::string found() const {
    return in_target("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b),"
                     " (SELECT string_agg(conname, ' ' ORDER BY conname) FROM pg_constraint"
                     "  WHERE conrelid IN ('a'::regclass, 'b'::regclass) AND contype <> 'n')");
  }
};

}  // namespace

TEST_CASE("A table to be loaded again is emptied with tables that refer to it and hold no row") {
  const std::string tables =
      "CREATE TABLE a (id int UNIQUE, note text); CREATE TABLE b (id int, a int REFERENCES a (id)) "
      "PARTITION BY LIST (id); CREATE TABLE b1 PARTITION OF b DEFAULT;"
      "CREATE TABLE c (id int REFERENCES a (id))";
  Keyed keyed(k_tables + k_rows +
                  "ALTER TABLE b DROP CONSTRAINT b_a_fkey;"
                  "ALTER TABLE a DROP CONSTRAINT a_pkey, ADD UNIQUE (id)",
              tables);
  keyed.job.options.insert(keyed.job.options.end(), {"-t", "a"});
  REQUIRE(run(keyed.job.copy_command({"--max-chunks", "3"})).code == 3);
  const auto ended = keyed.job.run_resume();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(keyed.in_target("SELECT count(*), count(DISTINCT id) FROM a") == "1000|1000");
}

TEST_CASE("A row that refers to a table to be loaded again is never emptied with it") {
  Keyed keyed(
      "CREATE TABLE a (id int UNIQUE, note text);" + k_rows.substr(0, k_rows.find(';')),
      "CREATE TABLE a (id int UNIQUE, note text); CREATE TABLE c (id int REFERENCES a (id))");
  REQUIRE(run(keyed.job.copy_command({"--max-chunks", "3"})).code == 3);
  (void)keyed.in_target("INSERT INTO c VALUES (NULL)");
  const auto ended = keyed.job.run_resume();
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(ended.err.find("foreign key") != std::string::npos);
  CHECK(keyed.in_target("SELECT count(*) FROM c") == "1");
  (void)keyed.in_target("DELETE FROM c");
  CHECK(keyed.job.run_resume().code == 0);
  CHECK(keyed.in_target("SELECT count(*), count(DISTINCT id) FROM a") == "1000|1000");
}

TEST_CASE(
    "--truncate --defer-indexes drops the foreign keys before it empties, whatever is killed") {
  for (const std::string step : {"", "deferred_captured", "deferred_dropped", "tables_emptied",
                                 "tables_started", "chunk_after_commit:2", "deferred_built"}) {
    CAPTURE(step);
    Keyed keyed(k_tables + k_rows, k_tables + k_rows);
    keyed.job.options.insert(keyed.job.options.end(), {"-t", "a", "--truncate", "--defer-indexes"});
    if (!step.empty()) {
      CHECK(keyed.job.run_copy({{"PGSTRIDE_CRASH_AT", step}}).signal == 9);
    }
    const auto ended = keyed.job.run_copy();
    INFO(ended.text());
    CHECK(ended.code == 0);
    CHECK(keyed.found() == "1000|10|a_pkey b_a_fkey b_pkey");
  }
}

TEST_CASE("--restart of a job that dropped foreign keys empties the tables, then builds the keys") {
  Keyed keyed(k_tables + k_rows, k_tables);
  keyed.job.options.insert(keyed.job.options.end(), {"-t", "a", "--defer-indexes"});
  REQUIRE(run(keyed.job.copy_command({"--max-chunks", "3"})).code == 3);
  CHECK(keyed.in_target("SELECT count(*) > 0 FROM a") == "t");
  // Nothing that the keys say of it is checked while they are dropped.
  (void)keyed.in_target("INSERT INTO b VALUES (1, NULL)");
  const auto ended = run(keyed.job.copy_command({"--restart", "--yes"}));
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(keyed.found() == "1000|1|a_pkey b_a_fkey b_pkey");
}
