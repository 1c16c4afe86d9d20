// What users see of --slot and --publication: what is made, refused, told and dropped.
#include <doctest/doctest.h>

#include "cli/slot_move.hpp"

using namespace pgstride::test;

TEST_CASE("A copy with a slot leaves slot, publications, ledger and hand-off; clean drops all") {
  const SlotMove move;
  const auto copied = move.job.run_copy();
  INFO(copied.text());
  REQUIRE(copied.code == 0);
  CHECK(says(copied, "public.no_key is not published"));
  CHECK(move.slots() == move.slot);
  CHECK(move.publications() == "2");
  CHECK(move.on_source("SELECT string_agg(tablename, ',' ORDER BY tablename) FROM "
                       "pg_publication_tables WHERE pubname = 'consumer'") == "items");
  CHECK(move.on_target("SELECT count(*) FROM items") == "1000");
  CHECK(move.on_target("SELECT to_regnamespace('pgstride')") == "pgstride");

  const auto status = move.job.status();
  CHECK(status.at("slot") == move.slot);
  CHECK(status.at("publication") == "consumer");
  CHECK(status.at("consistency") == "exact");
  CHECK(status.at("start_lsn") == status.at("end_lsn"));
  CHECK(status.at("start_lsn") == move.on_source("SELECT confirmed_flush_lsn FROM "
                                                 "pg_replication_slots WHERE slot_name = '" +
                                                 move.slot + "'"));
  for (const auto& table : status.at("tables")) {
    CHECK(table.at("published") == (table.at("name") == "public.items"));
    CHECK(table.at("unpublished").is_null() == (table.at("name") == "public.items"));
  }
  for (const auto* file :
       {"handoff.json", "debezium.properties", "debezium-connector.json", "subscription.sql"}) {
    CHECK(std::filesystem::exists(move.job.directory / "handoff" / file));
  }

  CHECK(run(move.job.copy_command()).code == 0);  // again: unchanged
  const auto cleaned = move.verb("clean");
  INFO(cleaned.text());
  CHECK(cleaned.code == 0);
  CHECK(move.slots().empty());
  CHECK(move.publications() == "0");
  CHECK(move.on_target("SELECT to_regnamespace('pgstride')").empty());
  CHECK(move.on_target("SELECT count(*) FROM items") == "1000");
  CHECK(move.verb("clean").code == 0);
  CHECK(move.handoff({"--to", "json"}).code == 2);
}

TEST_CASE(
    "An export with a slot says so in its manifest, and clean wants --yes before it is done") {
  const SlotMove move;
  const auto directory = move.dir / "files";
  const auto exported = [&](Arguments more) {
    Arguments arguments = {"export",   "--source",     move.job.source, "--out",
                           directory,  "--slot",       move.slot,       "--publication",
                           "consumer", "--chunk-rows", "100",           "-j",
                           "1",        "--progress",   "none"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(program(std::move(arguments)));
  };
  const auto paused = exported({"--max-chunks", "2"});
  INFO(paused.text());
  REQUIRE(paused.code == 3);
  CHECK(says(paused, "still holds"));
  CHECK(says(paused, "clean"));
  CHECK(run(program({"clean", directory})).code == 2);
  CHECK(run(program({"clean", directory, "--yes"})).code == 0);
  CHECK(move.slots().empty());
  CHECK(exported({}).code == 2);
  const auto again = exported({"--restart", "--yes"});
  INFO(again.text());
  REQUIRE(again.code == 0);
  const auto manifest = Json::parse(read_text(directory / "manifest.json"));
  CHECK(manifest.at("slot") == move.slot);
  CHECK(manifest.at("publication") == "consumer");
  for (const auto& table : manifest.at("tables")) {
    CHECK(table.at("published") == (table.at("name") == "items"));
  }
  const auto restarted = exported({"--restart", "--yes"});
  INFO(restarted.text());
  CHECK(restarted.code == 0);
  CHECK(move.slots() == move.slot);
  CHECK(move.publications() == "2");
  CHECK(run(program({"clean", directory})).code == 0);
  CHECK(move.publications() == "0");
}

TEST_CASE("--slot and --publication go together, and names and others' slots are refused") {
  const SlotMove move;
  const auto refused = [&](const Arguments& options, const std::string& message) {
    auto job = move.job;
    job.options = options;
    const auto ended = job.run_copy();
    INFO(ended.text());
    CHECK(ended.code == 2);
    CHECK(says(ended, message));
    CHECK_FALSE(std::filesystem::exists(move.job.directory));
  };
  refused({"--slot", move.slot}, "--slot needs --publication");
  refused({"--publication", "p"}, "--publication needs --slot");
  refused({"--slot-failover"}, "--slot-failover needs --slot");
  refused({"--slot", "Bad-Name", "--publication", "p"}, "can't be a slot's name");
  move.on_source("SELECT pg_create_logical_replication_slot('" + move.slot + "', 'pgoutput')");
  refused({"--slot", move.slot, "--publication", "p"}, "exists already");
  CHECK(move.slots() == move.slot);
  move.on_source("SELECT pg_drop_replication_slot('" + move.slot + "')");
}

TEST_CASE("A publication that is there is checked, kept as it is, and left behind") {
  const SlotMove move;
  move.on_source("CREATE PUBLICATION consumer FOR TABLE no_key WITH (publish = 'insert, delete')");
  const auto refused = move.job.run_copy();
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "leaves out UPDATE, TRUNCATE"));
  CHECK(says(refused, "has no table \"public\".\"items\""));
  CHECK(says(refused, "ALTER PUBLICATION \"consumer\" ADD TABLE"));
  CHECK(move.slots().empty());
  move.on_source("DROP PUBLICATION consumer; CREATE PUBLICATION consumer FOR TABLE items");
  if (cli_cluster().major_version() >= 15) {
    move.on_source("ALTER PUBLICATION consumer SET TABLE items (id, note) WHERE (id > 5)");
    const auto filtered = move.job.run_copy();
    INFO(filtered.text());
    CHECK(filtered.code == 2);
    CHECK(says(filtered, "row filter for public.items"));
    CHECK(says(filtered, "column list for public.items"));
    move.on_source("ALTER PUBLICATION consumer SET TABLE items");
  }
  const auto copied = move.job.run_copy();
  INFO(copied.text());
  REQUIRE(copied.code == 0);
  CHECK(move.verb("clean").code == 0);
  CHECK(move.on_source("SELECT string_agg(pubname, ',') FROM pg_publication") == "consumer");
}

TEST_CASE("Partitions come under their parent's name, or the publication is refused") {
  const SlotMove move;
  move.on_source("CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);"
                 "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);"
                 "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200);"
                 "INSERT INTO p SELECT generate_series(0, 199)");
  move.on_target("CREATE TABLE p (id int PRIMARY KEY)");
  move.on_source("CREATE PUBLICATION consumer FOR TABLE p, items");
  const auto refused = move.job.run_copy();
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "SET (publish_via_partition_root = true)"));
  move.on_source("DROP PUBLICATION consumer");
  const auto copied = move.job.run_copy();
  INFO(copied.text());
  REQUIRE(copied.code == 0);
  CHECK(move.on_source("SELECT string_agg(tablename, ',' ORDER BY tablename) FROM "
                       "pg_publication_tables WHERE pubname = 'consumer'") == "items,p");
  CHECK(move.on_source("SELECT string_agg(tablename, ',' ORDER BY tablename) FROM "
                       "pg_publication_tables WHERE pubname LIKE 'pgstride%'") == "items,p1,p2");
  CHECK(move.verb("clean").code == 0);
}

TEST_CASE("Where the application's updates would fail nothing is published") {
  const SlotMove move;
  move.on_source("DROP TABLE items; CREATE TABLE items (id bigint PRIMARY KEY, note text);"
                 "ALTER TABLE items REPLICA IDENTITY NOTHING");
  const auto refused = move.job.run_copy();
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "none of the tables can be published"));
  move.on_source("ALTER TABLE items REPLICA IDENTITY FULL; INSERT INTO items VALUES (1, 'x')");
  const auto copied = move.job.run_copy();
  INFO(copied.text());
  CHECK(copied.code == 0);
  move.on_source("UPDATE items SET note = 'y'; UPDATE no_key SET note = 'z'; DELETE FROM no_key");
  CHECK(move.verb("clean").code == 0);
}

TEST_CASE("A job whose slot's WAL was removed fails, and hands nothing over") {
  TempCluster cluster({.settings = {"max_slot_wal_keep_size = 16MB", "min_wal_size = 32MB",
                                    "max_wal_size = 48MB"}});
  const SlotMove move(cluster);
  auto job = move.job;
  job.run_options = {"--max-chunks", "2"};
  const auto paused = job.run_copy();
  INFO(paused.text());
  REQUIRE(paused.code == 3);
  CHECK_FALSE(says(paused, "max_slot_wal_keep_size"));
  move.on_source("SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)) FROM "
                 "generate_series(1, 12)");
  const auto warned = move.job.run_resume({"--max-chunks", "1"});
  INFO(warned.text());
  CHECK(says(warned, "of 16 MB that max_slot_wal_keep_size allows"));
  for (int i = 0; i < 6; ++i) {
    move.on_source("SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)) FROM "
                   "generate_series(1, 17); SELECT pg_switch_wal()");
    move.on_source("CHECKPOINT");
  }
  REQUIRE(move.on_source("SELECT wal_status FROM pg_replication_slots") == "lost");
  const auto failed = move.job.run_resume();
  INFO(failed.text());
  CHECK(failed.code == 1);
  CHECK(says(failed, "has lost its WAL"));
  CHECK(move.job.status().at("state") == "failed");
  CHECK(move.handoff({"--to", "json"}).code == 2);
  CHECK(move.verb("clean", {"--yes"}).code == 0);
  CHECK(move.slots().empty());
}

TEST_CASE("pause --hold keeps a slot's snapshot: the resume is exact, at the slot's start") {
  const SlotMove move;
  auto job = move.job;
  job.run_options = {"--chunk-pause", "500ms"};
  Process copying(job.copy_command());
  while (!job_has_done(job.directory, 0)) {
    REQUIRE_FALSE(copying.ends_within(std::chrono::milliseconds(20)));
  }
  const auto paused = move.verb("pause", {"--hold"});
  INFO(paused.text());
  REQUIRE(paused.code == 0);
  const auto before = move.job.status();
  move.on_source("UPDATE items SET note = 'later'; DELETE FROM items WHERE id > 900");
  const auto resumed = move.job.run_resume();
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  copying.wait();
  const auto after = move.job.status();
  CHECK(after.at("consistency") == "exact");
  CHECK(after.at("start_lsn") == before.at("start_lsn"));
  CHECK(move.on_target("SELECT count(*) FROM items WHERE note <> 'later'") == "1000");
  CHECK(move.verb("clean").code == 0);
}
