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
