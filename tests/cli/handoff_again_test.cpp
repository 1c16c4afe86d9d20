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
