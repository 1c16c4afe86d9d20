// A hand-off that is done again, or to the wrong place, or from a slot that is used up.
#include <doctest/doctest.h>

#include "cli/slot_move.hpp"

using namespace pgstride::test;

namespace {

// A copy into another server, so that the source's can be stopped hard by itself.
struct FarMove : SlotMove {
  explicit FarMove(TempCluster& source) : SlotMove(source) {
    on_source("ALTER TABLE no_key REPLICA IDENTITY FULL");
    job.targets = {cli_cluster().conninfo(cli_cluster().create_database("far"))};
    on_target("CREATE TABLE items (id bigint PRIMARY KEY, note text);"
              "CREATE TABLE no_key (note text);");
  }
  ~FarMove() { drop_subscriptions(job.targets[0]); }
  FarMove(const FarMove&) = delete;
  FarMove& operator=(const FarMove&) = delete;

  [[nodiscard]] bool is_applied(const std::string& note) const {
    return eventually([&] {
      return on_target("SELECT count(*) FROM no_key WHERE note = '" + note + "'") != "0";
    });
  }
};

const Arguments k_create = {"--to", "subscription", "--create"};

}  // namespace

TEST_CASE("A hand-off that is repeated after a crash of the source applies nothing twice") {
  TempCluster source;
  const FarMove move(source);
  REQUIRE(move.job.run_copy().code == 0);
  REQUIRE(move.handoff(k_create).code == 0);
  move.on_source("CHECKPOINT");
  move.on_source("INSERT INTO no_key VALUES ('later')");
  REQUIRE(move.is_applied("later"));
  source.stop(StopMode::immediate);
  move.on_target("ALTER SUBSCRIPTION " + move.slot + " DISABLE");
  source.start();
  const auto again = move.handoff(k_create);
  INFO(again.text());
  CHECK(again.code == 0);
  move.on_source("INSERT INTO no_key VALUES ('last')");
  REQUIRE(move.is_applied("last"));
  CHECK(move.on_target("SELECT count(*) FROM no_key WHERE note = 'later'") == "1");
}

TEST_CASE("The source is no target of its own changes") {
  const SlotMove move;
  const auto directory = (move.dir / "files").string();
  REQUIRE(run(program({"export", "--source", move.job.source, "--out", directory, "--slot",
                       move.slot, "--publication", "consumer", "--progress", "none"}))
              .code == 0);
  const auto refused = run(program(
      {"handoff", directory, "--to", "subscription", "--create", "--target", move.job.source}));
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "is the source itself"));
  CHECK(move.on_source("SELECT count(*) FROM pg_subscription s JOIN pg_database d ON d.oid = "
                       "s.subdbid WHERE datname = current_database()") == "0");
  drop_subscriptions(move.job.source);
  CHECK(run(program({"clean", directory})).code == 0);
  CHECK(move.slots().empty());
}

TEST_CASE("A used-up slot is not copied for another target") {
  const SlotMove move;
  const auto directory = (move.dir / "files").string();
  const auto more = cli_cluster().create_database("slot_into");
  REQUIRE(run(program({"export", "--source", move.job.source, "--out", directory, "--slot",
                       move.slot, "--publication", "consumer", "--progress", "none"}))
              .code == 0);
  for (const auto& target : {move.job.targets[0], cli_cluster().conninfo(more)}) {
    if (target != move.job.targets[0]) {
      pg_exec(target, "CREATE TABLE items (id bigint PRIMARY KEY, note text);"
                      "CREATE TABLE no_key (note text);");
    }
    REQUIRE(run(program({"import", "--from", directory, "--target", target, "--job",
                         (move.dir / "load").string(), "--progress", "none"}))
                .code == 0);
    std::filesystem::remove_all(move.dir / "load");
  }
  Arguments create = {"handoff",  directory,          "--to", "subscription", "--create",
                      "--target", move.job.targets[0]};
  move.on_source("INSERT INTO items VALUES (5000, 'later')");
  const auto handed = run(program(create));
  INFO(handed.text());
  REQUIRE(handed.code == 0);
  CHECK(says(handed, "public.no_key is not in the stream"));
  create.insert(create.end(), {"--target", cli_cluster().conninfo(more)});
  const auto refused = run(program(create));
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "changes were read from it already"));
  CHECK(move.slots() == move.slot);
  drop_subscriptions(move.job.targets[0]);
}

TEST_CASE("Once a consumer is made, lost files are not read anew past where it begins") {
  const SlotMove move;
  const auto directory = move.dir / "files";
  REQUIRE(
      run(program({"export", "--source", move.job.source, "--out", directory, "--slot", move.slot,
                   "--publication", "consumer", "-t", "items", "--progress", "none"}))
          .code == 0);
  REQUIRE(run(program({"import", "--from", directory, "--target", move.job.targets[0], "--job",
                       (move.dir / "load").string(), "--progress", "none"}))
              .code == 0);
  const auto create = program(
      {"handoff", directory, "--to", "subscription", "--create", "--target", move.job.targets[0]});
  REQUIRE(run(create, {{"PGSTRIDE_CRASH_AT", "subscription_made"}}).signal != 0);
  for (const auto& file : data_files(directory)) {
    std::filesystem::remove(directory / file);
  }
  move.on_source(
      "UPDATE items SET note = 'new' WHERE id = 1; INSERT INTO items VALUES (5000, 'x')");
  const auto resumed = run(program({"resume", directory, "--progress", "none"}));
  INFO(resumed.text());
  CHECK(resumed.code == 2);
  CHECK(says(resumed, "a consumer of slot"));
  const auto handed = run(create);
  INFO(handed.text());
  CHECK(handed.code == 0);
  CHECK(move.on_target("SELECT count(*) FROM items") == "1001");
  CHECK(move.on_target("SELECT note FROM items WHERE id = 1") == "new");
  drop_subscriptions(move.job.targets[0]);
}
