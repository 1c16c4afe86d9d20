// The source changes between two runs of a copy: leaves dropped, attached, rewritten.
#include <doctest/doctest.h>

#include "harness/copy_job.hpp"
#include "support/temp_cluster.hpp"

using namespace pgstride::test;

namespace {

constexpr const char* k_rows = " SELECT i, repeat('x', 200) FROM generate_series(";

/// Four leaves of 500 rows; on the target a plain table without any key.
struct Parts {
  std::string source_name = shared_cluster().create_database("parts");
  std::string target_name = shared_cluster().create_database("into");
  PgSession source = shared_cluster().session(source_name);
  TempDir dir;
  CopyJob job{.source = shared_cluster().conninfo(source_name),
              .targets = {shared_cluster().conninfo(target_name)},
              .directory = dir / "job",
              .kinds = {{.name = "parts"}},
              .options = {"--chunk-rows", "100", "-j", "1"}};

  explicit Parts(const std::string& key) {
    source.exec("CREATE TABLE parts (id int " + key + ", note text) PARTITION BY RANGE (id)");
    for (int leaf = 0; leaf < 4; ++leaf) {
      const auto from = std::to_string(leaf * 500);
      const auto to = std::to_string(leaf * 500 + 500);
      source.exec("CREATE TABLE leaf" + std::to_string(leaf) +
                  " PARTITION OF parts FOR VALUES FROM (" + from + ") TO (" + to +
                  "); INSERT INTO parts" + k_rows + from + ", " + to + " - 1) i");
    }
    pg_exec(job.targets[0], "CREATE TABLE parts (id int, note text)");
  }

  void go_on_after(const std::string& change) const {
    REQUIRE(run(job.copy_command({"--max-chunks", "13"})).code == 3);
    pg_exec(job.source, change);
    const auto ended = job.run_resume();
    INFO(ended.text());
    REQUIRE(ended.code == 0);
    CHECK(joined(check_copy(job)) == "");
  }
};

const std::vector<std::string> k_changes = {
    "ALTER TABLE parts DETACH PARTITION leaf0; ALTER TABLE parts DETACH PARTITION leaf3",
    "DROP TABLE leaf1; CREATE TABLE leaf9 PARTITION OF parts FOR VALUES FROM (500) TO (900);"
    "INSERT INTO leaf9 SELECT i, 'new' FROM generate_series(500, 600) i",
    "CREATE TABLE leaf5 PARTITION OF parts FOR VALUES FROM (5000) TO (6000);"
    "INSERT INTO parts SELECT i, 'more' FROM generate_series(5000, 5700) i",
    "ALTER TABLE leaf2 RENAME TO other_name",
};

}  // namespace

TEST_CASE("Leaves that went, came or were made anew between two runs: each row is there once") {
  for (const std::string key : {"", "PRIMARY KEY"}) {
    for (const auto& change : k_changes) {
      const auto name = key + " " + change;
      DOCTEST_SUBCASE(name.c_str()) {
        CAPTURE(name);
        const Parts parts(key);
        parts.go_on_after(change);
      }
    }
  }
}

TEST_CASE("Leaves that were emptied and filled anew between two runs: each row is there once") {
  for (const std::string change : {"TRUNCATE leaf0, leaf2; INSERT INTO leaf0 SELECT i, 'anew' FROM"
                                   " generate_series(10, 200) i",
                                   "ALTER TABLE parts ALTER COLUMN note TYPE varchar(300)",
                                   "UPDATE parts SET id = 1999 - id; DELETE FROM leaf1"}) {
    CAPTURE(change);
    const Parts parts("");
    parts.go_on_after(change);
  }
}
