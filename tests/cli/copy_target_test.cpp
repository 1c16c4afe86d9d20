// What copy does where somebody else is at work on its target.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <sstream>

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
  CHECK(says(ended, "it holds 1 rows that are not known to be the job's"));
  CHECK(move.in_target("SELECT note FROM loose WHERE a = 99") == "theirs");
  (void)move.in_target("DELETE FROM loose WHERE a = 99");
  const auto resumed = move.job.run_resume();
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  CHECK(move.in_target("SELECT count(*) FROM loose") == "2000");
}

TEST_CASE("--restart empties no table that others have put rows into") {
  const Move move(k_filled, k_loose);
  REQUIRE(run(move.job.copy_command({"--max-chunks", "3"})).code == 3);
  (void)move.in_target("INSERT INTO loose VALUES (99, 'theirs')");
  const auto before = move.in_target("SELECT count(*) FROM loose");
  const auto refused = run(move.job.copy_command({"--restart", "--yes"}));
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "table public.loose: it holds 1 rows that are not known to be the job's"));
  CHECK(move.in_target("SELECT count(*) FROM loose") == before);
  (void)move.in_target("DELETE FROM loose WHERE a = 99");
  REQUIRE(run(move.job.copy_command({"--restart", "--yes"})).code == 0);
  CHECK(move.in_target("SELECT count(*) FROM loose") == "2000");
}

TEST_CASE("A table that is refused does not fail the one that its worker reads next") {
  const Move move("CREATE TABLE fa AS SELECT repeat('x', 500) AS t FROM generate_series(1, 20000);"
                  "CREATE TABLE fb AS SELECT generate_series(1, 100) AS i",
                  "CREATE TABLE fa (t text CHECK (t = '')); CREATE TABLE fb (i int)");
  auto command = move.job.copy_command({"--split", "none"});
  const auto ended = run(command);
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK_FALSE(says(ended, "aborted"));
  CHECK(move.in_target("SELECT count(*) FROM fb") == "100");
}

TEST_CASE("A table that is planned anew before its first chunk is loaded beside rows of others") {
  const Move move(k_filled, k_loose + "; INSERT INTO loose VALUES (99, 'theirs')");
  REQUIRE(run(move.job.copy_command({"--mode", "copy"}), {{"PGSTRIDE_CRASH_AT", "tables_started"}})
              .signal == 9);
  pg_exec(move.job.source, "VACUUM FULL loose");
  const auto ended = move.job.run_resume();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(move.in_target("SELECT count(*) FROM loose") == "2001");
}

// Both think that they have loaded the table's second plan; only one of them has.
TEST_CASE("Of two copies of a job's directory each knows its own chunks only") {
  const Move move(k_filled, k_loose);
  REQUIRE(run(move.job.copy_command(), {{"PGSTRIDE_CRASH_AT", "plan_stored"}}).signal == 9);
  auto other = move.job;
  other.directory = move.dir / "copied";
  std::filesystem::copy(move.job.directory, other.directory,
                        std::filesystem::copy_options::recursive);
  pg_exec(move.job.source, "VACUUM FULL loose");
  REQUIRE(move.job.run_resume({"--max-chunks", "3"}).code == 3);
  pg_exec(move.job.source, "UPDATE loose SET note = repeat('y', 300)");
  pg_exec(move.job.source, "VACUUM FULL loose");
  const auto copied = other.run_resume();
  INFO(copied.text());
  CHECK(copied.code == 0);
  CHECK(move.in_target("SELECT count(*), min(note) = max(note) FROM loose") == "2000|t");
  const auto first = move.job.run_resume();
  INFO(first.text());
  CHECK(first.code == 1);
  CHECK(move.in_target("SELECT count(*) FROM loose") == "2000");
}

TEST_CASE("Tables of one chunk that the job emptied or made come frozen, others don't") {
  const std::string tables = "CREATE TABLE one (i int, note text); CREATE TABLE held (i int);"
                             "CREATE TABLE referred (i int PRIMARY KEY); CREATE TABLE many (i int);"
                             "CREATE TABLE child (i int REFERENCES referred);";
  const std::string rows = "INSERT INTO one SELECT i, 'x' FROM generate_series(1, 50) i;"
                           "INSERT INTO referred SELECT generate_series(1, 50);"
                           "INSERT INTO child SELECT generate_series(1, 50);"
                           "INSERT INTO many SELECT generate_series(1, 5000);";
  const auto frozen = [](const std::string& conninfo) {
    return pg_exec(conninfo, "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE "
                             "relkind = 'r' AND relallvisible > 0 AND relnamespace = "
                             "'public'::regnamespace");
  };
  Move move(tables + rows + "INSERT INTO held VALUES (1)", tables + "INSERT INTO held VALUES (7)");
  move.job.options = {"--chunk-rows", "1000", "-j", "2", "--truncate", "--disable-triggers"};
  const auto ended = move.job.run_copy();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(frozen(move.job.targets[0]) == "child held one");
  for (const std::string table : {"one", "held", "referred", "many", "child"}) {
    CHECK(move.in_target("SELECT count(*) FROM " + table) ==
          pg_exec(move.job.source, "SELECT count(*) FROM " + table));
  }
  Move plain(tables + rows, tables);
  plain.job.options = {"--defer-indexes"};
  REQUIRE(plain.job.run_copy().code == 0);
  CHECK(frozen(plain.job.targets[0]).empty());
  Move made("CREATE TABLE one (i int); INSERT INTO one VALUES (1)", "SELECT 1");
  made.job.options = {"--create-schema"};
  REQUIRE(made.job.run_copy().code == 0);
  CHECK(frozen(made.job.targets[0]) == "one");
}

TEST_CASE("The format in which a table goes is told, and why it is text") {
  Move move("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods (m mood[]);"
            "CREATE TABLE numbers (i int)",
            "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods (m mood[]);"
            "CREATE TABLE numbers (i int)");
  auto command = move.job.copy_command();
  *std::find(command.begin(), command.end(), "none") = "json";
  const auto ended = run(command);
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  std::map<std::string, Json> started;
  std::istringstream lines(ended.out);
  for (std::string line; std::getline(lines, line);) {
    const auto event = Json::parse(line);
    if (event["event"] == "table_started") {
      started[event["table"]] = event;
    }
  }
  CHECK(started["public.numbers"]["format"] == "binary");
  CHECK(started["public.numbers"]["format_reason"].is_null());
  CHECK(started["public.moods"]["format"] == "text");
  CHECK(started["public.moods"]["format_reason"].get<std::string>().find("mood") !=
        std::string::npos);
  Move again("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods (m mood[])",
             "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods (m mood[])");
  command = again.job.copy_command();
  *std::find(command.begin(), command.end(), "none") = "plain";
  CHECK(says(run(command), "public.moods: rows go as text, not binary: "));
}
