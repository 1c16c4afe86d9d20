// What `pgstride copy --create-schema` makes, leaves out and tells where it is more than tables
// with their keys, or where only some of them are chosen.
#include <doctest/doctest.h>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

using namespace pgstride::test;

namespace {

struct Parts {
  std::string source_name = cli_cluster().create_database("parts");
  std::string target_name = cli_cluster().create_database("parts_of");
  TempDir dir;
  CopyJob job{.source = cli_cluster().conninfo(source_name),
              .targets = {cli_cluster().conninfo(target_name)},
              .directory = dir / "job",
              .kinds = {},
              .options = {"--create-schema", "-j", "2"}};

  explicit Parts(const std::string& sql) { pg_exec(job.source, sql); }

  [[nodiscard]] Ended copy(const std::vector<std::string>& more = {}) const {
    return run(job.copy_command(more));
  }
  // To its end, without a failure.
  [[nodiscard]] std::string copied(const std::vector<std::string>& more = {}) const {
    const auto ended = copy(more);
    INFO(ended.text());
    CHECK(ended.code == 0);
    return ended.err;
  }
  [[nodiscard]] std::string in_target(const std::string& sql) const {
    return pg_exec(job.targets.front(), sql);
  }
  [[nodiscard]] std::string constraints() const {
    return in_target("SELECT string_agg(conname || ' ' || pg_get_constraintdef(oid), '; ' "
                     "ORDER BY conname) FROM pg_constraint "
                     "WHERE connamespace = 'public'::regnamespace");
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("Of a partitioned table only the chosen partitions are made, with their keys") {
  const std::string sql = "CREATE TABLE pt (id int PRIMARY KEY) PARTITION BY RANGE (id);"
                          "CREATE TABLE pt1 PARTITION OF pt FOR VALUES FROM (0) TO (10);"
                          "CREATE TABLE pt2 PARTITION OF pt FOR VALUES FROM (10) TO (20);"
                          "INSERT INTO pt SELECT generate_series(1, 15)";
  const std::vector<std::vector<std::string>> selections{{"-t", "pt", "-T", "pt2"}, {"-t", "pt1"}};
  for (const auto& selection : selections) {
    const Parts parts(sql);
    (void)parts.copied(selection);
    CHECK(parts.in_target("SELECT count(*), max(id), to_regclass('pt2') FROM pt") == "9|9|");
    CHECK(parts.constraints() == "pt1_pkey PRIMARY KEY (id); pt_pkey PRIMARY KEY (id)");
    CHECK(parts.in_target(
              "SELECT indisvalid FROM pg_index WHERE indexrelid = 'pt_pkey'::regclass") == "t");
  }
}

TEST_CASE("What can't be built at the end is the reason of a failed job; mended, it is resumed") {
  const Parts parts(
      "CREATE TABLE a (i int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 9)");
  REQUIRE(parts.copy({"--chunk-rows", "3", "--max-chunks", "1"}).code == 3);
  (void)parts.in_target("CREATE TABLE taken (i int); CREATE INDEX a_pkey ON taken (i)");
  const auto failed = parts.job.run_resume();
  INFO(failed.text());
  CHECK(failed.code == 1);
  CHECK(parts.job.status()["state"] == "failed");
  CHECK(has(parts.job.status()["reason"], "1 deferred indexes or constraints could not be built"));
  (void)parts.in_target("DROP TABLE taken");
  REQUIRE(parts.job.run_resume().code == 0);
  CHECK(parts.constraints() == "a_pkey PRIMARY KEY (i)");
  CHECK(parts.job.status()["state"] == "done");
}
