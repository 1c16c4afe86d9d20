// The seam between a job's rows and the changes after them, with a consumer that is not ours:
// PostgreSQL's own logical replication, while writers are at work. The naive order in the same
// harness shows that the test can fail.
#include <doctest/doctest.h>

#include <csignal>

#include "cli/slot_move.hpp"
#include "harness/writers.hpp"

using namespace pgstride::test;

namespace {

const std::vector<TableKind>& written_kinds() {
  static const std::vector<TableKind> kinds = {kind("orders"), kind("around_zero"),
                                               kind("documents"), kind("parted")};
  return kinds;
}

constexpr long k_rows = 2000;

/// Tables under writers at the source, and the same, empty, at the target.
struct WrittenMove : SlotMove {
  WrittenMove() {
    for (const auto* where : {&job.source, &job.targets[0]}) {
      PgSession session(*where);
      session.exec("DROP TABLE items, no_key");
      create_tables(session, written_kinds(), k_rows);
    }
    for (const auto& kind : written_kinds()) {
      on_target("TRUNCATE " + kind.quoted());
    }
    job.kinds = written_kinds();
  }
  ~WrittenMove() { drop_subscriptions(job.targets[0]); }
  WrittenMove(const WrittenMove&) = delete;
  WrittenMove& operator=(const WrittenMove&) = delete;

  [[nodiscard]] Problems differences(const std::string& target) const {
    PgSession source(job.source);
    PgSession there(target);
    Problems problems;
    compare_tables(source, there, written_kinds(), problems);
    return problems;
  }
};

// 14 counts no errors: there the log tells of them.
bool applied_wrongly(const SlotMove& move) {
  if (cli_cluster().major_version() < 15) {
    return cli_cluster().log().find("duplicate key value") != std::string::npos;
  }
  return move.on_target("SELECT coalesce(sum(apply_error_count), 0) > 0 FROM "
                        "pg_stat_subscription_stats WHERE subname = 'naive'") == "t";
}

}  // namespace

TEST_CASE("Under writers a copy and its subscription hold what the source holds, row for row") {
  WrittenMove move;
  Writers writers(move.job.source, written_kinds(), {.threads = 2, .seed = 11, .rows = k_rows});
  move.job.options = {"--slot", move.slot, "--publication", "consumer", "--chunk-rows", "200",
                      "-j",     "2",       "--chunk-pause", "20ms"};
  const auto copied = move.job.run_copy();
  INFO(copied.text());
  REQUIRE(copied.code == 0);
  const auto before = writers.writes();
  const auto handed = move.handoff({"--to", "subscription", "--create"});
  INFO(handed.text());
  REQUIRE(handed.code == 0);
  CHECK(says(handed, "follows the source"));
  while (writers.writes() < before + 300) {
  }
  writers.stop();
  const auto again = move.handoff({"--to", "subscription", "--create"});
  INFO(again.text());
  REQUIRE(again.code == 0);
  CHECK(joined(move.differences(move.job.targets[0])) == "");
  // The consumer has the slot now.
  const auto cleaned = move.verb("clean");
  INFO(cleaned.text());
  CHECK(cleaned.code == 0);
  CHECK(says(cleaned, "its consumer's now"));
  CHECK(move.slots() == move.slot);
  CHECK(move.publications() == "1");
  CHECK(move.verb("clean").code == 0);
  CHECK(move.publications() == "1");
  move.on_source("DELETE FROM orders WHERE id % 2 = 0; SELECT pg_current_wal_lsn()");
  const auto lsn = move.on_source("SELECT pg_current_wal_lsn()");
  while (move.on_source("SELECT confirmed_flush_lsn >= '" + lsn +
                        "' FROM pg_replication_slots WHERE slot_name = '" + move.slot + "'") !=
         "t") {
  }
  CHECK(joined(move.differences(move.job.targets[0])) == "");
}

TEST_CASE(
    "Killed, resumed and refreshed under writers a copy is followed row for row all the same") {
  WrittenMove move;
  Writers writers(move.job.source, written_kinds(), {.threads = 2, .seed = 14, .rows = k_rows});
  move.job.options = {"--slot", move.slot, "--publication", "consumer", "--chunk-rows", "200",
                      "-j",     "2"};
  REQUIRE(move.job.run_copy({{"PGSTRIDE_CRASH_AT", "chunk_copied:12"}}).signal == SIGKILL);
  for (const auto* step : {"dirty_stored", "unload_after_commit", "chunk_after_commit"}) {
    const auto killed = move.job.run_resume({}, {{"PGSTRIDE_CRASH_AT", step}});
    INFO(killed.text());
    REQUIRE(killed.signal == SIGKILL);
  }
  REQUIRE(move.job.run_resume().code == 0);
  REQUIRE(
      move.job.run_resume({"--refresh"}, {{"PGSTRIDE_CRASH_AT", "chunk_after_commit"}}).signal ==
      SIGKILL);
  const auto refreshed = move.job.run_resume({"--refresh"});
  INFO(refreshed.text());
  REQUIRE(refreshed.code == 0);
  CHECK(move.job.status().at("consistency") == "exact");
  const auto before = writers.writes();
  const auto handed = move.handoff({"--to", "subscription", "--create"});
  INFO(handed.text());
  REQUIRE(handed.code == 0);
  while (writers.writes() < before + 300) {
  }
  writers.stop();
  REQUIRE(move.handoff({"--to", "subscription", "--create"}).code == 0);
  CHECK(joined(move.differences(move.job.targets[0])) == "");
  const auto late = move.job.run_resume({"--refresh"});
  CHECK(late.code == 2);
  CHECK(says(late, "a consumer reads from the job's slot already"));
}

TEST_CASE("A slot made before an ordinary snapshot does not fit its rows") {
  WrittenMove move;
  Writers writers(move.job.source, written_kinds(), {.threads = 2, .seed = 12, .rows = k_rows});
  move.on_source("CREATE PUBLICATION consumer FOR TABLE orders, around_zero, documents, parted "
                 "WITH (publish_via_partition_root = true)");
  move.on_source("SELECT pg_create_logical_replication_slot('" + move.slot + "', 'pgoutput')");
  const auto before = writers.writes();
  while (writers.writes() < before + 200) {
  }
  move.job.options = {"--chunk-rows", "200", "-j", "2"};
  REQUIRE(move.job.run_copy().code == 0);
  move.on_target("CREATE SUBSCRIPTION naive CONNECTION '" + move.job.source +
                 "' PUBLICATION consumer WITH (copy_data = false, create_slot = false, "
                 "slot_name = '" +
                 move.slot + "')");
  while (writers.writes() < before + 400) {
  }
  writers.stop();
  const auto lsn = move.on_source("SELECT pg_current_wal_lsn()");
  const auto over = [&] {
    return move.on_source("SELECT confirmed_flush_lsn >= '" + lsn +
                          "' FROM pg_replication_slots WHERE slot_name = '" + move.slot + "'") ==
               "t" ||
           applied_wrongly(move);
  };
  while (!over()) {
  }
  CHECK(joined(move.differences(move.job.targets[0])) != "");
}

TEST_CASE("Two targets follow by a slot each") {
  WrittenMove move;
  const auto second = cli_cluster().create_database("slot_into");
  {
    PgSession session(cli_cluster().conninfo(second));
    create_tables(session, written_kinds(), k_rows);
    for (const auto& kind : written_kinds()) {
      session.exec("TRUNCATE " + kind.quoted());
    }
  }
  move.job.targets.push_back(cli_cluster().conninfo(second));
  Writers writers(move.job.source, written_kinds(), {.threads = 1, .seed = 13, .rows = k_rows});
  const auto copied = move.job.run_copy();
  INFO(copied.text());
  REQUIRE(copied.code == 0);
  const auto handed = move.handoff({"--to", "subscription", "--create"});
  INFO(handed.text());
  REQUIRE(handed.code == 0);
  writers.stop();
  REQUIRE(move.handoff({"--to", "subscription", "--create"}).code == 0);
  CHECK(move.slots() == move.slot + "," + move.slot + "_2");
  for (const auto& target : move.job.targets) {
    CHECK(joined(move.differences(target)) == "");
  }
  drop_subscriptions(move.job.targets[1]);
}

TEST_CASE("Files of an export, loaded, are followed by a subscription as well") {
  WrittenMove move;
  Writers writers(move.job.source, written_kinds(), {.threads = 1, .seed = 14, .rows = k_rows});
  const auto directory = (move.dir / "files").string();
  const auto exported =
      run(program({"export", "--source", move.job.source, "--out", directory, "--slot", move.slot,
                   "--publication", "consumer", "--chunk-rows", "300", "--progress", "none"}));
  INFO(exported.text());
  REQUIRE(exported.code == 0);
  REQUIRE(run(program({"import", "--from", directory, "--target", move.job.targets[0], "--job",
                       (move.dir / "load").string(), "--progress", "none"}))
              .code == 0);
  const Arguments create = {"handoff",  directory,          "--to", "subscription", "--create",
                            "--target", move.job.targets[0]};
  const auto handed = run(program(create));
  INFO(handed.text());
  REQUIRE(handed.code == 0);
  writers.stop();
  REQUIRE(run(program(create)).code == 0);
  CHECK(joined(move.differences(move.job.targets[0])) == "");
}

TEST_CASE("Killed at each step of a hand-off and repeated, the target follows all the same") {
  for (const std::string step : {"subscription_made", "origin_advanced", "subscription_enabled"}) {
    WrittenMove move;
    REQUIRE(move.job.run_copy().code == 0);
    Writers writers(move.job.source, written_kinds(), {.threads = 1, .seed = 15, .rows = k_rows});
    const auto killed =
        run(program({"handoff", move.job.directory.string(), "--to", "subscription", "--create"}),
            {{"PGSTRIDE_CRASH_AT", step}});
    CAPTURE(step);
    CHECK(killed.signal != 0);
    writers.stop();
    const auto again = move.handoff({"--to", "subscription", "--create"});
    INFO(again.text());
    CHECK(again.code == 0);
    CHECK(joined(move.differences(move.job.targets[0])) == "");
  }
}

TEST_CASE("What a hand-off prints names slot and position, and never a password") {
  SlotMove move;
  move.job.source += " password=hunter2";
  REQUIRE(move.job.run_copy().code == 0);
  const auto lsn = move.job.status().at("start_lsn").get<std::string>();
  const auto json = move.handoff({"--to", "json"});
  INFO(json.text());
  REQUIRE(json.code == 0);
  const auto parsed = Json::parse(json.out);
  CHECK(parsed.at("start_lsn") == lsn);
  CHECK(parsed.at("start_lsn_int") == move.job.status().at("start_lsn_int"));
  CHECK(parsed.at("slot") == move.slot);
  CHECK(parsed.at("publication") == "consumer");
  CHECK(parsed.at("timeline") == 1);
  CHECK(parsed.at("consistency") == "exact");
  CHECK(parsed.at("tables").size() == 2);

  const auto debezium = move.handoff({"--to", "debezium"});
  for (const auto* line :
       {"snapshot.mode=no_data\n", "plugin.name=pgoutput\n", "slot.drop.on.stop=false\n",
        "publication.name=consumer\n", "publication.autocreate.mode=disabled\n",
        "heartbeat.interval.ms=", "__debezium_unavailable_value", "public.no_key"}) {
    CAPTURE(line);
    CHECK(debezium.out.find(line) != std::string::npos);
  }
  CHECK(debezium.out.find("slot.name=" + move.slot + "\n") != std::string::npos);
  CHECK(Json::parse(read_text(move.job.directory / "handoff" / "debezium-connector.json"))
            .at("config")
            .at("slot.name") == move.slot);

  const auto sql = move.handoff({"--to", "subscription"});
  for (const auto* text : {"copy_data = false, create_slot = false, enabled = false",
                           "pg_replication_origin_advance", "ENABLE"}) {
    CHECK(sql.out.find(text) != std::string::npos);
  }
  CHECK(sql.out.find(lsn) != std::string::npos);
  for (const auto& entry : std::filesystem::directory_iterator(move.job.directory / "handoff")) {
    CHECK(read_text(entry.path()).find("hunter2") == std::string::npos);
  }
  CHECK(sql.out.find("hunter2") == std::string::npos);
  CHECK(move.handoff({"--to", "starrocks"}).code == 2);  // no files
  CHECK(move.handoff({}).code == 2);
  CHECK(move.handoff({"--to", "json", "--create"}).code == 2);
  CHECK(move.verb("clean").code == 0);
}

TEST_CASE("StarRocks gets a load for each file, and routine loads for what is published") {
  const SlotMove move;
  const auto directory = (move.dir / "files").string();
  REQUIRE(run(program({"export", "--source", move.job.source, "--out", directory, "--slot",
                       move.slot, "--publication", "consumer", "--chunk-rows", "300", "--null",
                       "\\N", "--progress", "none"}))
              .code == 0);
  const auto ended = run(program({"handoff", directory, "--to", "starrocks"}));
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  std::size_t loads = 0;
  for (std::size_t at = ended.out.find("label:"); at != std::string::npos;
       at = ended.out.find("label:", at + 1)) {
    ++loads;
  }
  const auto manifest = Json::parse(read_text(directory + "/manifest.json"));
  std::size_t files = 0;
  for (const auto& table : manifest.at("tables")) {
    files += table.at("files").size();
  }
  CHECK(loads == files);
  CHECK(ended.out.find("OFFSET_BEGINNING") != std::string::npos);
  CHECK(ended.out == read_text(directory + "/handoff/starrocks.sh"));
  CHECK(run(program({"clean", directory})).code == 0);
}

TEST_CASE("Unfinished, fuzzy and renamed jobs are not handed over") {
  SlotMove move;
  auto job = move.job;
  job.run_options = {"--max-chunks", "2"};
  REQUIRE(job.run_copy().code == 3);
  const auto early = move.handoff({"--to", "json"});
  INFO(early.text());
  CHECK(early.code == 2);
  CHECK(says(early, "is not done"));
  REQUIRE(move.job.run_resume({"--consistency", "fuzzy"}).code == 0);
  const auto fuzzy = move.handoff({"--to", "subscription"});
  INFO(fuzzy.text());
  CHECK(fuzzy.code == 2);
  CHECK(says(fuzzy, "fuzzy"));
  CHECK_FALSE(std::filesystem::exists(job.directory / "handoff" / "subscription.sql"));
  CHECK(move.verb("clean").code == 0);
}

TEST_CASE("A job that leaves rows out has no subscription, which would bring them") {
  const SlotMove move;
  auto job = move.job;
  job.options.insert(job.options.end(), {"--where", "items:id > 500"});
  const auto copied = job.run_copy();
  INFO(copied.text());
  REQUIRE(copied.code == 0);
  CHECK(says(copied, "changes of all rows and columns"));
  const auto refused = move.handoff({"--to", "subscription", "--create"});
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "--where"));
  CHECK(move.handoff({"--to", "debezium"}).code == 0);
  CHECK_FALSE(std::filesystem::exists(job.directory / "handoff" / "subscription.sql"));
  CHECK(move.verb("clean").code == 0);
}
