// Slots and publications where others are about: jobs that want the same names, people who drop and
// make slots, transactions that wait for the job as it waits for them.
#include <doctest/doctest.h>

#include <csignal>

#include "cli/slot_move.hpp"

using namespace pgstride::test;

namespace {

Arguments export_command(const SlotMove& move, const std::string& directory,
                         const Arguments& more = {}) {
  Arguments arguments = {"export", "--source", move.job.source, "--out", move.dir / directory,
                         "--slot", move.slot,  "--progress",    "none"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return program(std::move(arguments));
}

Ended clean(const SlotMove& move, const std::string& directory) {
  return run(program({"clean", move.dir / directory, "--yes"}));
}

bool makes_a_slot(const SlotMove& move) {
  return move.on_source("SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
                        "'CREATE_REPLICATION_SLOT%' AND state = 'active' AND datname = "
                        "current_database()") == "1";
}

bool has_locks(const SlotMove& move) {
  return move.on_source("SELECT count(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
                        "WHERE application_name LIKE 'pgstride/%/locks' AND relation = "
                        "'items'::regclass AND granted") == "t";
}

}  // namespace

TEST_CASE("A slot that another job has made under the name of one that died is left alone") {
  const SlotMove move;
  REQUIRE(run(export_command(move, "a", {"--publication", "pub_a"}),
              {{"PGSTRIDE_CRASH_AT", "slot_creating"}})
              .signal == SIGKILL);
  const auto other = run(export_command(move, "b", {"--publication", "pub_b"}));
  INFO(other.text());
  REQUIRE(other.code == 0);
  const auto resumed = run(program({"resume", move.dir / "a"}));
  INFO(resumed.text());
  CHECK(resumed.code == 2);
  CHECK(says(resumed, "exists already"));
  CHECK(clean(move, "a").code == 0);
  CHECK(move.slots() == move.slot);
  CHECK(move.publications() == "2");
  CHECK(clean(move, "b").code == 0);
  CHECK(move.slots().empty());
  CHECK(move.publications() == "0");
}

TEST_CASE("After a stop before its slot was made, a job claims no slot of that name") {
  const SlotMove move;
  auto writer = cli_cluster().session(move.source_name);
  writer.exec("BEGIN; INSERT INTO no_key VALUES ('open')");
  Process exporting(export_command(move, "a", {"--publication", "pub_a"}));
  REQUIRE(eventually([&] { return makes_a_slot(move); }));
  exporting.kill(SIGINT);
  CHECK(exporting.wait().code == 130);
  writer.exec("ROLLBACK");
  move.on_source("SELECT pg_create_logical_replication_slot('" + move.slot + "', 'pgoutput')");
  const auto cleaned = clean(move, "a");
  INFO(cleaned.text());
  CHECK(cleaned.code == 0);
  CHECK(move.slots() == move.slot);
  CHECK(move.publications() == "0");
}

TEST_CASE("The publication of another job is refused") {
  const SlotMove move;
  REQUIRE(run(export_command(move, "a", {"--publication", "shared"})).code == 0);
  auto job = move.job;
  job.options = {"--slot", move.slot + "_b", "--publication", "shared"};
  const auto refused = job.run_copy();
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "is of another job"));
  CHECK(clean(move, "a").code == 0);
  CHECK(move.publications() == "0");
}

TEST_CASE("A slot that others have dropped and made again is not handed over") {
  const SlotMove move;
  auto job = move.job;
  job.run_options = {"--chunk-pause", "500ms"};
  Process copying(job.copy_command());
  while (!job_has_done(job.directory, 0)) {
    REQUIRE_FALSE(copying.ends_within(std::chrono::milliseconds(20)));
  }
  REQUIRE(move.verb("pause", {"--hold"}).code == 0);
  move.on_source("SELECT pg_drop_replication_slot('" + move.slot +
                 "'); INSERT INTO items VALUES "
                 "(5000, 'missed')");
  move.on_source("SELECT pg_create_logical_replication_slot('" + move.slot + "', 'pgoutput')");
  const auto resumed = move.job.run_resume();
  INFO(resumed.text());
  CHECK(resumed.code == 1);
  CHECK(says(resumed, "made it again"));
  copying.wait();
  CHECK(move.handoff({"--to", "debezium"}).code == 2);
}

TEST_CASE("Who waits for the job's locks while it waits for him gets them") {
  for (const bool with_slot : {true, false}) {
    CAPTURE(with_slot);
    const SlotMove move;
    auto job = move.job;
    if (!with_slot) {
      job.options = {};
    }
    job.run_options = {"--lock-timeout", "60s"};
    auto writer = cli_cluster().session(move.source_name);
    writer.exec("BEGIN; INSERT INTO items VALUES (5000, 'open')");
    Process copying(job.copy_command());
    REQUIRE(eventually([&] { return with_slot ? makes_a_slot(move) : has_locks(move); }));
    writer.send("TRUNCATE items");
    const bool through = eventually([&] { return !writer.is_busy(); }, std::chrono::seconds(20));
    CHECK(through);
    if (!through) {
      copying.kill(SIGKILL);
    }
    CHECK(writer.finish().empty());
    writer.exec("INSERT INTO items VALUES (1, 'after'); COMMIT");
    if (through) {
      const auto copied = copying.wait();
      INFO(copied.text());
      CHECK(copied.code == 0);
      CHECK(move.on_target("SELECT string_agg(note, ',') FROM items") == "after");
    }
  }
}

TEST_CASE("A target that was away while the others were brought up is brought up too") {
  SlotMove move;
  const auto second = cli_cluster().create_database("slot_into");
  pg_exec(cli_cluster().conninfo(second), "CREATE TABLE items (id bigint PRIMARY KEY, note text)");
  move.job.targets.push_back(cli_cluster().conninfo(second));
  move.job.options = {"--slot", move.slot, "--publication", "consumer", "-t", "items", "-j", "1"};
  REQUIRE(move.job.run_copy({{"PGSTRIDE_CRASH_AT", "chunk_after_commit:1"}}).signal == SIGKILL);
  move.on_source(
      "UPDATE items SET note = 'new' WHERE id = 1; INSERT INTO items VALUES (5000, 'x')");
  const bool first_has_it = move.on_target("SELECT count(*) FROM items") == "1000";
  const auto away = first_has_it ? move.target_name : second;
  cli_cluster().exec("ALTER DATABASE " + away + " ALLOW_CONNECTIONS false");
  const auto part = move.job.run_resume({"--retries", "0"});
  INFO(part.text());
  CHECK(part.code == 1);
  cli_cluster().exec("ALTER DATABASE " + away + " ALLOW_CONNECTIONS true");
  const auto resumed = move.job.run_resume();
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  const auto handed = move.handoff({"--to", "subscription", "--create"});
  INFO(handed.text());
  CHECK(handed.code == 0);
  for (const auto& target : move.job.targets) {
    CHECK(pg_exec(target, "SELECT count(*) FROM items") == "1001");
    CHECK(pg_exec(target, "SELECT note FROM items WHERE id = 1") == "new");
    drop_subscriptions(target);
  }
}

TEST_CASE("Asked to be fuzzy, a table that was read unpublished stays so, and needs a key if not") {
  const SlotMove move;
  move.on_source("INSERT INTO no_key SELECT md5(i::text) FROM generate_series(1, 20000) i;"
                 "CREATE TABLE zf (v int); ALTER TABLE zf REPLICA IDENTITY FULL;"
                 "INSERT INTO zf VALUES (1)");
  Arguments exporting = {"--publication", "consumer", "--max-chunks", "1", "-j", "1"};
  const auto paused = run(export_command(move, "files", exporting));
  INFO(paused.text());
  REQUIRE(paused.code == 3);
  const auto status = job_status(move.dir / "files", false);
  for (const auto& table : status.at("tables")) {
    REQUIRE((table.at("done") == 1) == (table.at("name") == "public.no_key"));
  }
  move.on_source("INSERT INTO no_key VALUES ('missed'); ALTER TABLE no_key REPLICA IDENTITY FULL;"
                 "INSERT INTO zf VALUES (2)");
  const auto resumed =
      run(program({"resume", move.dir / "files", "--consistency", "fuzzy", "--progress", "none"}));
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  const auto json = Json::parse(run(program({"handoff", move.dir / "files", "--to", "json"})).out);
  for (const auto& table : json.at("tables")) {
    CAPTURE(table.dump());
    CHECK(table.at("published") == (table.at("name") != "public.no_key"));
    CHECK(table.at("consistency") == (table.at("name") == "public.no_key" ? "exact" : "fuzzy"));
  }
  CHECK(move.on_source("SELECT count(*) FROM pg_publication_tables WHERE tablename = 'no_key'") ==
        "0");
  const auto refused = run(program({"handoff", move.dir / "files", "--to", "debezium"}));
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "public.zf is fuzzy"));
  CHECK_FALSE(std::filesystem::exists(move.dir / "files/handoff/debezium-connector.json"));
  CHECK(clean(move, "files").code == 0);
}
