// A slot with its exported snapshot, on whatever server PGSTRIDE_PGBIN names.
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "handoff/guard.hpp"
#include "handoff/slot.hpp"
#include "handoff/snapshot.hpp"
#include "pg/replication.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::handoff {

namespace {

void told_nobody(const std::string& /*message*/, const std::string& /*hint*/) {}

struct SlotFixture {
  SlotFixture() {
    cluster.exec("CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100);"
                 "CREATE PUBLICATION p FOR TABLE t");
  }
  [[nodiscard]] pg::ConnectOptions options(const std::string& role) const {
    return {cluster.conninfo(), "pgstride/test/" + role, {}, std::chrono::milliseconds(0)};
  }
  [[nodiscard]] Connect connector() const {
    return [this](const std::string& role) { return pg::Connection(options(role)); };
  }
  [[nodiscard]] pg::ExportingSlot make(const std::string& name, bool temporary = false) const {
    return {options("slot"), {.name = name, .temporary = temporary}, [] {}};
  }
  [[nodiscard]] SnapshotHolders take(const pg::ExportingSlot& slot) const {
    return SnapshotHolders::take_exported(connector(), {{"public", "t", RelationKind::table, 0}},
                                          slot.snapshot_id(), slot.consistent_point(), told_nobody);
  }
  [[nodiscard]] std::string rows_under(const std::string& id) const {
    auto session = cluster.session();
    session.exec("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '" + id + "'");
    return session.exec("SELECT count(*) FROM t");
  }
  [[nodiscard]] std::string changes_in(const std::string& slot) const {
    return cluster.exec("SELECT count(*) FROM pg_logical_slot_peek_binary_changes('" + slot +
                        "', NULL, NULL, 'proto_version', '1', 'publication_names', 'p') "
                        "WHERE get_byte(data, 0) = ascii('I')");
  }

  test::TempCluster cluster;
};

}  // namespace

TEST_CASE_FIXTURE(SlotFixture,
                  "A slot's snapshot outlives its session in the holders, and its changes follow") {
  std::optional<pg::ExportingSlot> slot(make("s"));
  cluster.exec("INSERT INTO t VALUES (101)");
  auto holders = take(*slot);
  const auto point = slot->consistent_point();
  slot.reset();
  cluster.exec("INSERT INTO t VALUES (102); DELETE FROM t WHERE i < 50");
  CHECK(holders.snapshot().lsn == point);
  CHECK(holders.snapshot().end_lsn == point);
  for (const auto& holder : holders.holders()) {
    CHECK(rows_under(holder.exported_id) == "100");
  }
  CHECK(changes_in("s") == "2");
  auto session = pg::Connection(options("look"));
  const auto found = read_slot(session, "s");
  REQUIRE(found);
  CHECK(found->plugin == "pgoutput");
  CHECK(found->database == "postgres");
  CHECK(found->confirmed_flush == point);
  CHECK_FALSE(found->active);
  CHECK_FALSE(found->lost());
  CHECK(found->wal_status == "reserved");
  CHECK_FALSE(found->limit_bytes);
  CHECK(drop_slot(session, "s"));
  CHECK_FALSE(drop_slot(session, "s"));
  CHECK_FALSE(read_slot(session, "s"));
}

TEST_CASE_FIXTURE(SlotFixture, "A temporary slot ends with its session, its snapshot does not") {
  std::optional<pg::ExportingSlot> slot(make("tmp", true));
  const auto holders = take(*slot);
  slot.reset();
  while (cluster.exec("SELECT count(*) FROM pg_replication_slots") != "0") {
  }
  cluster.exec("DELETE FROM t");
  CHECK(rows_under(holders.holders()[0].exported_id) == "100");
}

TEST_CASE_FIXTURE(SlotFixture,
                  "A slot waits for older transactions, and a stop ends that without a slot") {
  auto writer = cluster.session();
  writer.exec("BEGIN; INSERT INTO t VALUES (500)");
  std::stop_source stop;
  auto stoppable = options("slot");
  stoppable.cancel = stop.get_token();
  std::jthread stopper([&] {
    while (cluster.exec("SELECT count(*) FROM pg_replication_slots") == "0") {
    }
    stop.request_stop();
  });
  try {
    const pg::ExportingSlot slot(stoppable, {.name = "late"}, [] {});
    FAIL("the slot was made while a transaction ran");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::stopped);
  }
  stopper.join();
  CHECK(cluster.exec("SELECT count(*) FROM pg_replication_slots") == "0");
  writer.exec("COMMIT");
  const auto slot = make("late");
  CHECK(rows_under(slot.snapshot_id()) == "101");
}

TEST_CASE_FIXTURE(SlotFixture, "Sessions of a dead process that make a slot are ended") {
  auto writer = cluster.session();
  writer.exec("BEGIN; INSERT INTO t VALUES (500)");
  std::jthread maker([&] { CHECK_THROWS(make("zombie")); });
  while (cluster.exec("SELECT count(*) FROM pg_replication_slots") == "0") {
  }
  auto session = pg::Connection(options("look"));
  end_sessions_named(session, "pgstride/test/slot");
  CHECK_FALSE(read_slot(session, "zombie"));
}

TEST_CASE_FIXTURE(SlotFixture,
                  "A snapshot is settled only once what it takes for committed has ended") {
  auto session = pg::Connection(options("look"));
  auto writer = cluster.session();
  writer.exec("BEGIN; INSERT INTO t VALUES (500)");
  const auto running = std::stoll(writer.exec("SELECT pg_current_xact_id()"));
  // As an imported snapshot would be that was put together from a commit record.
  const auto ahead = std::to_string(running + 1) + ":" + std::to_string(running + 1) + ":";
  std::jthread end([&writer] { writer.exec("SELECT pg_sleep(0.2); COMMIT"); });
  wait_until_settled(session, ahead, told_nobody);
  end.join();
  CHECK(cluster.exec("SELECT count(*) FROM t") == "101");
  // One that it takes for running may go on.
  writer.exec("BEGIN; INSERT INTO t VALUES (501)");
  const auto other = writer.exec("SELECT pg_current_xact_id()");
  const auto beyond = std::to_string(std::stoll(other) + 1);
  wait_until_settled(session, other + ":" + beyond + ":" + other, told_nobody);
}

TEST_CASE("Where a slot can't be had, it is said before anything is made") {
  const test::TempCluster cluster({.settings = {"wal_level = replica"}});
  pg::Connection session({cluster.conninfo(), "pgstride/test", {}, {}});
  CHECK_THROWS_WITH_AS(check_slot_source(session, false),
                       "--slot: wal_level is replica, a slot needs logical", Error);
  CHECK_NOTHROW(check_slot_name("a_1"));
  for (const auto* name : {"", "Upper", "with-dash", "ö"}) {
    CHECK_THROWS_AS(check_slot_name(name), Error);
  }
  CHECK_THROWS_AS(check_slot_name(std::string(64, 'a')), Error);
}

TEST_CASE_FIXTURE(SlotFixture, "A role without REPLICATION is told so; failover needs 17") {
  cluster.exec("CREATE ROLE plain LOGIN");
  pg::Connection session({cluster.conninfo("postgres", "plain"), "pgstride/test", {}, {}});
  CHECK_THROWS_AS(check_slot_source(session, false), Error);
  pg::Connection super(options("look"));
  CHECK_NOTHROW(check_slot_source(super, false));
  if (cluster.major_version() < 17) {
    CHECK_THROWS_AS(check_slot_source(super, true), Error);
  } else {
    CHECK_NOTHROW(check_slot_source(super, true));
    const pg::ExportingSlot slot(options("slot"), {.name = "kept", .failover = true}, [] {});
    CHECK(cluster.exec("SELECT failover FROM pg_replication_slots") == "t");
  }
}

}  // namespace pgstride::handoff
