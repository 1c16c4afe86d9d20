// Orderly stops: signals, pause, limits; each is resumed to the same rows under the same promise.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>

#include "cli/cli_cluster.hpp"

using namespace pgstride::test;

namespace {

const std::string& database() {
  static const std::string name = items_database(20'000);
  return name;
}

// About 200 chunks with a pause after each: seconds long, but each chunk is quick.
ExportJob slow_job(const std::filesystem::path& directory) {
  return items_job(database(), directory,
                   {"--chunk-rows", "100", "-j", "2", "--chunk-pause", "50ms"});
}

void check_paused_then_finish(const ExportJob& job) {
  const auto status = job.status();
  CHECK(status["state"] == "paused");
  CHECK(status["alive"] == false);
  CHECK(status["chunks"]["running"] == 0);
  CHECK(status["chunks"]["done"] < status["chunks"]["total"]);
  const auto resumed = run(job.resume_command());
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  auto session = cli_cluster().session(database());
  CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");
}

}  // namespace

TEST_CASE("One Ctrl-C pauses with 130, SIGTERM with 3") {
  for (const auto& [signal, code] : {std::pair{SIGINT, 130}, std::pair{SIGTERM, 3}}) {
    TempDir dir;
    const auto job = slow_job(dir / "job");
    Process process(job.export_command());
    REQUIRE(eventually([&] { return job.has_done(2); }));
    process.kill(signal);
    const auto ended = process.wait();
    INFO(ended.text());
    CHECK(ended.code == code);
    check_paused_then_finish(job);
  }
}

TEST_CASE("status counts as running what workers have begun, not what waits for them") {
  TempDir dir;
  const auto job = slow_job(dir / "job");  // two workers
  Process process(job.export_command());
  REQUIRE(eventually([&] { return job.has_done(2); }));
  for (int look = 0; look < 5; ++look) {
    const auto status = job.status(true);
    CHECK(status["chunks"]["running"] <= 2);
    const auto running =
        std::count_if(status["chunk_list"].begin(), status["chunk_list"].end(),
                      [](const Json& chunk) { return chunk["state"] == "running"; });
    CHECK(running == status["chunks"]["running"].get<long>());
  }
  process.kill(SIGTERM);
  CHECK(process.wait().code == 3);
}

TEST_CASE("A second Ctrl-C cancels a chunk in flight") {
  // A chunk that never ends by itself: its table's filter waits at each row. (It is not IMMUTABLE,
  // of course, but that is what is believed of it.)
  const auto name = cli_cluster().create_database("endless");
  auto session = cli_cluster().session(name);
  create_tables(session, {items()}, 1000);
  session.exec("CREATE FUNCTION slow(bigint) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS "
               "$$ BEGIN PERFORM pg_sleep(1); RETURN true; END $$");
  TempDir dir;
  ExportJob job{
      .conninfo = cli_cluster().conninfo(name),
      .directory = dir / "job",
      .kinds = {items()},
      .options = {"--split", "none", "-j", "1", "--where", "public.items:public.slow(id)"}};
  Process process(job.export_command());
  REQUIRE(eventually([&] {
    return session.exec("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%COPY (%slow(id)%'"
                        " AND state = 'active' AND pid <> pg_backend_pid()") == "1";
  }));
  process.kill(SIGINT);
  CHECK_FALSE(process.ends_within(std::chrono::milliseconds(500)));  // finishes its chunk
  process.kill(SIGINT);
  const auto ended = process.wait(std::chrono::seconds(20));
  INFO(ended.text());
  CHECK(ended.code == 130);
  CHECK(job.status()["state"] == "paused");
  CHECK(eventually([&] {
    return session.exec("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%slow(id)%'"
                        " AND pid <> pg_backend_pid()") == "0";
  }));
}

TEST_CASE("pgstride pause stops a running job, waits for it and exits with 0") {
  TempDir dir;
  const auto job = slow_job(dir / "job");
  Process process(job.export_command());
  REQUIRE(eventually([&] { return job.has_done(2); }));
  const auto pause = run(program({"pause", job.directory}));
  INFO(pause.text());
  CHECK(pause.code == 0);
  CHECK(process.ends_within(std::chrono::milliseconds(2000)));
  CHECK(process.wait().code == 3);
  const auto status = run(program({"status", job.directory}));
  INFO(status.text());
  CHECK(status.out.find("paused (asked by `pgstride pause`)") != std::string::npos);
  check_paused_then_finish(job);
}

TEST_CASE("pause --hold keeps the snapshot, and going on is exact under writes") {
  const auto name = items_database(5000);
  TempDir dir;
  const auto job =
      items_job(name, dir / "job", {"--chunk-rows", "100", "-j", "2", "--chunk-pause", "50ms"});
  auto session = cli_cluster().session(name);
  session.exec("CREATE TABLE before AS TABLE items");
  Process holder(job.export_command());
  REQUIRE(eventually([&] { return job.has_done(2); }));
  const auto pause = run(program({"pause", job.directory, "--hold"}));
  INFO(pause.text());
  REQUIRE(pause.code == 0);
  auto status = job.status();
  CHECK(status["state"] == "paused");
  CHECK(status["held"] == true);
  session.exec("DELETE FROM items WHERE id % 3 = 0; UPDATE items SET id = -id WHERE id % 3 = 1;"
               " INSERT INTO items SELECT i, 'late' FROM generate_series(10001, 10100) i");
  const auto resumed = run(job.resume_command({"--chunk-pause", "0ms"}));
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  CHECK(holder.ends_within(std::chrono::milliseconds(20'000)));
  status = job.status();
  CHECK(status["consistency"] == "exact");
  session.exec("ALTER TABLE items RENAME TO after; ALTER TABLE before RENAME TO items");
  CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");
}

TEST_CASE("Without --hold a pause under writes goes on as fuzzy and says so") {
  const auto name = items_database(5000);
  TempDir dir;
  auto job = items_job(name, dir / "job", {"--chunk-rows", "100", "--max-chunks", "7"});
  REQUIRE(job.run_export().code == 3);
  cli_cluster().exec("UPDATE items SET note = 'later' WHERE id % 2 = 0", name);
  auto command = job.resume_command();
  *std::find(command.begin(), command.end(), "none") = "plain";
  const auto resumed = run(command);
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  CHECK(job.status()["consistency"] == "fuzzy");
  CHECK(read_manifest_json(job.directory)["consistency"] == "fuzzy");
  CHECK(resumed.err.find("fuzzy") != std::string::npos);
}

TEST_CASE("A ctid table whose snapshot is gone is exported again whole, with the reason") {
  const auto name = cli_cluster().create_database("ctid");
  auto session = cli_cluster().session(name);
  const auto& table = kind("no_key");
  create_tables(session, {table}, 3000);
  TempDir dir;
  ExportJob job{.conninfo = cli_cluster().conninfo(name),
                .directory = dir / "job",
                .kinds = {table},
                .options = {"--chunk-rows", "100", "--max-chunks", "5"}};
  REQUIRE(job.run_export().code == 3);
  REQUIRE(job.status()["chunks"]["done"] == 5);
  session.exec("DELETE FROM no_key WHERE a = 3; INSERT INTO no_key SELECT 77, 'new' FROM "
               "generate_series(1, 50)");
  const auto resumed = run(job.resume_command());
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  CHECK(resumed.err.find("no_key") != std::string::npos);
  CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");
  bool has_reason = false;
  const auto status = job.status(true);
  for (const auto& chunk : status["chunk_list"]) {
    has_reason = has_reason || chunk["redo_reason"].is_string();
  }
  CHECK(has_reason);
}

TEST_CASE("Limits pause with 3, as often as needed") {
  TempDir dir;
  auto job = items_job(database(), dir / "job", {"--chunk-rows", "1000", "--max-chunks", "6"});
  CHECK(job.run_export().code == 3);
  CHECK(job.status()["chunks"]["done"] == 6);
  CHECK(run(job.resume_command({"--max-chunks", "6"})).code == 3);
  CHECK(job.status()["chunks"]["done"] == 12);
  CHECK(run(job.resume_command({"--max-duration", "1ms"})).code == 3);
  check_paused_then_finish(job);
}

TEST_CASE("pause --hold of a job that nobody runs is refused, plain pause of it is not") {
  TempDir dir;
  auto job = items_job(database(), dir / "job", {"--chunk-rows", "5000", "--max-chunks", "2"});
  REQUIRE(job.run_export().code == 3);
  for (const std::string state : {"paused", "done"}) {
    CAPTURE(state);
    CHECK(run(program({"pause", job.directory})).code == 0);
    const auto hold = run(program({"pause", job.directory, "--hold"}));
    INFO(hold.text());
    CHECK(hold.code == 1);
    CHECK(hold.err.find("is " + state) != std::string::npos);
    CHECK(hold.err.find("no snapshot to hold") != std::string::npos);
    CHECK(hold.err.find("HINT:") != std::string::npos);
    CHECK(job.run_resume().code == 0);
  }
}

TEST_CASE("pause of a directory without a job is a usage error") {
  TempDir dir;
  const auto ended = run(program({"pause", dir / "nothing"}));
  INFO(ended.text());
  CHECK(ended.code == 2);
  CHECK(ended.err.find("HINT:") != std::string::npos);
}
