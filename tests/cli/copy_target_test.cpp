// What copy does where somebody else is at work on its target.
#include <doctest/doctest.h>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

using namespace pgstride::test;

namespace {

const std::string k_loose = "CREATE TABLE loose (a int, note text)";

struct Move {
  std::string source_name = cli_cluster().create_database("from");
  std::string target_name = cli_cluster().create_database("into");
  TempDir dir;
  CopyJob job{.source = cli_cluster().conninfo(source_name),
              .targets = {cli_cluster().conninfo(target_name)},
              .directory = dir / "job",
              .kinds = {},
              .options = {"--chunk-rows", "100", "-j", "1"}};

  Move(const std::string& source, const std::string& target) {
    pg_exec(job.source, source);
    pg_exec(job.targets[0], target);
  }
  [[nodiscard]] std::string in_target(const std::string& sql) const {
    return pg_exec(job.targets[0], sql);
  }
};

// No key, so that a resume must load the table again whole.
const std::string k_filled =
    k_loose + "; INSERT INTO loose SELECT i % 7, repeat('z', 300) FROM generate_series(1, 2000) i";

bool says(const Ended& ended, const std::string& text) {
  return ended.err.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("A target table that is a partition of another one of the job is refused") {
  const Move move(
      "CREATE TABLE whole (i int); CREATE TABLE part (i int); INSERT INTO part VALUES (1)",
      "CREATE TABLE whole (i int) PARTITION BY LIST (i); CREATE TABLE middle PARTITION OF "
      "whole DEFAULT PARTITION BY LIST (i); CREATE TABLE part PARTITION OF middle DEFAULT");
  const auto ended = move.job.run_copy();
  INFO(ended.text());
  CHECK(ended.code == 2);
  CHECK(says(ended, "table public.part is a partition of public.whole there"));
  CHECK_FALSE(std::filesystem::exists(move.job.directory));
  CHECK(run(move.job.copy_command({"-T", "whole"})).code == 0);
}

TEST_CASE("A target table that was dropped and made again between two runs is named") {
  const Move move(k_filled + "; CREATE TABLE small (i int); INSERT INTO small VALUES (1)",
                  k_loose + "; CREATE TABLE small (i int)");
  REQUIRE(run(move.job.copy_command({"--max-chunks", "3"})).code == 3);
  (void)move.in_target("DROP TABLE loose; " + k_loose);
  const auto ended = move.job.run_resume();
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(says(ended, "table public.loose of the target was dropped and made again"));
  CHECK(says(ended, "--restart"));
  const auto again = run(move.job.copy_command({"--restart", "--yes"}));
  INFO(again.text());
  REQUIRE(again.code == 0);
  CHECK(move.in_target("SELECT count(*) FROM loose") == "2000");
}

TEST_CASE("Rows that others put into a table after the job began are never emptied with it") {
  const Move move(k_filled, k_loose);
  REQUIRE(run(move.job.copy_command({"--max-chunks", "3"})).code == 3);
  (void)move.in_target("INSERT INTO loose VALUES (99, 'theirs')");
  const auto ended = move.job.run_resume();
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(says(ended, "it holds 1 rows more than the job has loaded"));
  CHECK(move.in_target("SELECT note FROM loose WHERE a = 99") == "theirs");
  (void)move.in_target("DELETE FROM loose WHERE a = 99");
  const auto resumed = move.job.run_resume();
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  CHECK(move.in_target("SELECT count(*) FROM loose") == "2000");
}
