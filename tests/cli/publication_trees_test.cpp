// What publications take of trees of which the job has a part only.
#include <doctest/doctest.h>

#include "cli/slot_move.hpp"

using namespace pgstride::test;

namespace {

Ended export_with_slot(const SlotMove& move, const std::filesystem::path& directory,
                       const Arguments& tables) {
  Arguments arguments = {"export",   "--source",   move.job.source, "--out",
                         directory,  "--slot",     move.slot,       "--publication",
                         "consumer", "--progress", "none"};
  arguments.insert(arguments.end(), tables.begin(), tables.end());
  return run(program(std::move(arguments)));
}

std::string published(const SlotMove& move) {
  return move.on_source("SELECT string_agg(tablename, ',' ORDER BY tablename) FROM "
                        "pg_publication_tables WHERE pubname = 'consumer'");
}

}  // namespace

TEST_CASE("A child by inheritance that the job leaves out is not published with its parent") {
  const SlotMove move;
  move.on_source("CREATE TABLE par (id int PRIMARY KEY); CREATE TABLE chi () INHERITS (par);"
                 "INSERT INTO par VALUES (1); INSERT INTO chi VALUES (2)");
  const auto exported = export_with_slot(move, move.dir / "one", {"-t", "par", "-T", "chi"});
  INFO(exported.text());
  REQUIRE(exported.code == 0);
  CHECK(published(move) == "par");
  CHECK_NOTHROW(move.on_source("DELETE FROM chi"));
  REQUIRE(run(program({"clean", move.dir / "one"})).code == 0);

  move.on_source("ALTER TABLE chi ADD PRIMARY KEY (id)");
  REQUIRE(export_with_slot(move, move.dir / "both", {"-t", "par"}).code == 0);
  CHECK(published(move) == "chi,par");
  REQUIRE(run(program({"clean", move.dir / "both"})).code == 0);

  // The remedy that is told for a publication which is there takes no child either.
  move.on_source("ALTER TABLE chi DROP CONSTRAINT chi_pkey; CREATE PUBLICATION consumer FOR TABLE "
                 "items");
  const auto refused = export_with_slot(move, move.dir / "given", {"-t", "par", "-T", "chi"});
  CHECK(refused.code == 2);
  CHECK(says(refused, "ADD TABLE ONLY"));
}

TEST_CASE("A publication that takes more than the job does makes no subscription") {
  const SlotMove move;
  const std::string parts = "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);"
                            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);"
                            "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200);";
  move.on_source(parts + "INSERT INTO p SELECT generate_series(0, 199)");
  move.on_target(parts + "INSERT INTO p2 VALUES (150)");
  auto job = move.job;
  const auto refused_for = [&](const std::string& table) {
    const auto copied = job.run_copy();
    INFO(copied.text());
    REQUIRE(copied.code == 0);
    CHECK(says(copied, "tells changes of " + table + " too"));
    const auto refused = move.handoff({"--to", "subscription", "--create"});
    INFO(refused.text());
    CHECK(refused.code == 2);
    CHECK(says(refused, "tells changes of " + table + " too"));
    CHECK_FALSE(std::filesystem::exists(job.directory / "handoff" / "subscription.sql"));
    CHECK(move.handoff({"--to", "debezium"}).code == 0);
    CHECK(move.verb("clean").code == 0);
    std::filesystem::remove_all(job.directory);
  };
  job.options.insert(job.options.end(), {"-t", "p", "-T", "p2"});
  refused_for("public.p2");

  move.on_source("CREATE PUBLICATION consumer FOR ALL TABLES WITH (publish_via_partition_root = "
                 "true); ALTER TABLE no_key REPLICA IDENTITY FULL");
  move.on_target("TRUNCATE items");
  job.options = move.job.options;
  job.options.insert(job.options.end(), {"-t", "items", "-t", "p"});
  move.on_target("TRUNCATE p");
  refused_for("public.no_key");
}
