// What users see of `pgstride clean`.
#include <doctest/doctest.h>

#include <algorithm>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

using namespace pgstride::test;

namespace {

const std::string k_items = "CREATE TABLE items (id bigint PRIMARY KEY, note text UNIQUE)";

struct Move {
  std::string source_name = cli_cluster().create_database("from");
  std::string target_name = cli_cluster().create_database("into");
  TempDir dir;
  CopyJob job{.source = cli_cluster().conninfo(source_name),
              .targets = {cli_cluster().conninfo(target_name)},
              .directory = dir / "job",
              .kinds = {},
              .options = {"--chunk-rows", "100", "-j", "1"}};

  Move() {
    pg_exec(job.source, k_items + "; INSERT INTO items SELECT i, md5(i::text) FROM "
                                  "generate_series(1, 1000) i");
    pg_exec(job.targets[0], k_items);
  }

  [[nodiscard]] Ended clean(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"clean", job.directory.string()});
    return run(program(more));
  }
  [[nodiscard]] std::string in_target(const std::string& sql) const {
    return pg_exec(job.targets[0], sql);
  }
  [[nodiscard]] std::string ledger() const {
    return in_target("SELECT to_regnamespace('pgstride')");
  }
  void pause_after_three(const std::vector<std::string>& more = {}) const {
    auto arguments = more;
    arguments.insert(arguments.end(), {"--max-chunks", "3"});
    REQUIRE(run(job.copy_command(arguments)).code == 3);
  }
};

bool says(const Ended& ended, const std::string& text) {
  return ended.err.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("clean of a job that is done, or of an export, finds nothing, however often") {
  const Move move;
  REQUIRE(move.job.run_copy().code == 0);
  for (int i = 0; i < 2; ++i) {
    const auto ended = move.clean({"--target", move.job.targets[0], "--source", move.job.source});
    INFO(ended.text());
    CHECK(ended.code == 0);
    CHECK(says(ended, "nothing of the job is left"));
  }
  CHECK(move.in_target("SELECT count(*) FROM items") == "1000");
  CHECK(says(move.clean({"--source", move.job.targets[0]}), "--source is database"));
  const TempDir dir;
  const auto job = items_job(items_database(10), dir / "job");
  REQUIRE(run(job.export_command()).code == 0);
  CHECK(run(program({"clean", (dir / "job").string()})).code == 0);
}

TEST_CASE("clean of an unfinished job wants --yes, builds dropped indexes, and ends the job") {
  const Move move;
  move.pause_after_three({"--defer-indexes"});
  CHECK(move.in_target("SELECT count(*) FROM pg_indexes WHERE indexname = 'items_note_key'") ==
        "0");
  const auto refused = move.clean();
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "is not done"));
  CHECK(move.ledger() == "pgstride");
  for (int i = 0; i < 2; ++i) {
    const auto ended = move.clean({"--yes"});
    INFO(ended.text());
    CHECK(ended.code == 0);
    CHECK(move.ledger() == "");
  }
  CHECK(move.in_target("SELECT count(*) FROM items") == "300");
  CHECK(move.in_target("SELECT count(*) FROM pg_indexes WHERE indexname = 'items_note_key'") ==
        "1");
  const auto resumed = move.job.run_resume();
  INFO(resumed.text());
  CHECK(resumed.code == 1);
  CHECK(says(resumed, "ledger does not know the job"));
}

TEST_CASE("After clean, --restart doubles no row: it wants the tables emptied") {
  const Move move;
  (void)move.in_target("ALTER TABLE items DROP CONSTRAINT items_pkey, DROP CONSTRAINT "
                       "items_note_key");
  move.pause_after_three();
  REQUIRE(move.clean({"--yes"}).code == 0);
  const auto refused = run(move.job.copy_command({"--restart", "--yes"}));
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "--restart can't take out"));
  CHECK(move.in_target("SELECT count(*) FROM items") == "300");
  const auto ended = run(move.job.copy_command({"--restart", "--yes", "--truncate"}));
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(move.in_target("SELECT count(*) FROM items") == "1000");
}

TEST_CASE("clean leaves the ledgers of other jobs, and a job that runs, alone") {
  const Move move;
  move.pause_after_three();
  Move other;
  other.job.targets = move.job.targets;
  pg_exec(other.job.source, "ALTER TABLE items RENAME TO others");
  (void)move.in_target("CREATE TABLE others (id bigint, note text)");
  other.job.options = {"--chunk-rows", "50", "-j", "1", "--chunk-pause", "100ms"};
  Process process(other.job.copy_command());
  REQUIRE(eventually([&] {
    return move.in_target("SELECT to_regclass('others') IS NOT NULL AND EXISTS (SELECT FROM "
                          "others)") == "t";
  }));
  const auto refused = other.clean({"--yes"});
  INFO(refused.text());
  CHECK(refused.code == 1);
  CHECK(says(refused, "HINT:"));
  CHECK(move.clean({"--yes"}).code == 0);
  CHECK(move.in_target("SELECT count(*) FROM pgstride.job") == "1");
  CHECK(process.wait().code == 0);
  CHECK(move.ledger() == "");
  CHECK(move.in_target("SELECT count(*) FROM others") == "1000");
}
