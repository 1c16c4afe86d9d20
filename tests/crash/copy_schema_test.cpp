// A copy with --create-schema, killed at each of its steps and resumed: the target ends as pg_dump
// would have made it, with each row once.
#include <doctest/doctest.h>

#include <csignal>
#include <sstream>

#include "harness/copy_job.hpp"
#include "support/temp_cluster.hpp"

using namespace pgstride::test;

namespace {

const std::vector<TableKind>& some_kinds() {
  static const std::vector<TableKind> kinds = {kind("orders"), kind("no_key"), kind("parted"),
                                               kind("many_types")};
  return kinds;
}

const std::string& source_database() {
  static const std::string database = [] {
    auto name = shared_cluster().create_database("schemas");
    auto session = shared_cluster().session(name);
    create_tables(session, some_kinds(), 600);
    session.exec("CREATE INDEX note ON orders (note);"
                 "CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
                 "CREATE TRIGGER tr BEFORE INSERT ON no_key FOR EACH ROW EXECUTE FUNCTION tf();"
                 "CREATE STATISTICS st ON id, note FROM orders");
    return name;
  }();
  return database;
}

// Without what differs from run to run.
std::string dump_of(const std::string& conninfo) {
  std::istringstream lines(run_or_throw(
      {"pg_dump", "-s", "--no-owner", "--no-privileges", "--no-publications", "-d", conninfo}));
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("\\") && !line.starts_with("--")) {
      out += line + "\n";
    }
  }
  return out;
}

}  // namespace

TEST_CASE("Killed at any step of --create-schema and resumed, nothing is forgotten or made twice") {
  const std::vector<std::string> steps = {
      "schema_dumped",     "plan_stored",    "ledger_entered",        "schema_creating",
      "schema_creating:2", "schema_created", "schema_created:2",      "schema_captured",
      "schema_captured:2", "tables_started", "chunk_before_commit:3", "chunk_after_commit:9",
      "table_finished:2",  "deferred_built", "schema_finished",       "schema_finished:2",
      "load_ended",        "ledger_dropped"};
  for (const auto& step : steps) {
    DOCTEST_SUBCASE(step.c_str()) {
      CAPTURE(step);
      const auto one = shared_cluster().create_database("into");
      const auto two = shared_cluster().create_database("into");
      const TempDir dir;
      const CopyJob job{.source = shared_cluster().conninfo(source_database()),
                        .targets = {shared_cluster().conninfo(one), shared_cluster().conninfo(two)},
                        .directory = dir / "job",
                        .kinds = some_kinds(),
                        .options = {"--chunk-rows", "200", "-j", "2", "--create-schema"}};
      REQUIRE(joined(run_killed_at(job, step)) == "");
      CHECK(joined(check_copy(job)) == "");
      for (const auto& target : job.targets) {
        CHECK(dump_of(target) == dump_of(job.source));
      }
      for (const auto& name : {one, two}) {
        shared_cluster().exec("DROP DATABASE " + name + " (FORCE)");
      }
    }
  }
}
