#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <thread>

#include "handoff/snapshot.hpp"
#include "pg/quote.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::handoff {

namespace {

struct Fixture {
  Fixture() {
    cluster.exec("CREATE TABLE t (i int); INSERT INTO t SELECT generate_series(1, 1000)");
  }

  Connect connector() {
    return [this](const std::string& role) {
      return pg::Connection(
          {cluster.conninfo(), "pgstride/test/" + role, {}, std::chrono::milliseconds(0)});
    };
  }
  SnapshotHolders take() {
    return SnapshotHolders::take(connector(), {target}, [](const auto&, const auto&) {});
  }
  std::string rows_under(const std::string& id) {
    auto session = cluster.session();
    session.exec("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '" + id + "'");
    return session.exec("SELECT count(*) FROM t");
  }
  void terminate(int pid) {
    cluster.exec("SELECT pg_terminate_backend(" + std::to_string(pid) + ", 10000)");
  }

  test::TempCluster cluster;
  LockTarget target{"public", "t", RelationKind::table, 0};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "Both holders give the snapshot to late sessions, whatever was written since") {
  auto holders = take();
  cluster.exec("DELETE FROM t WHERE i > 10");
  REQUIRE(holders.holders().size() == 2);
  for (const auto& holder : holders.holders()) {
    CHECK(rows_under(holder.exported_id) == "1000");
  }
}

TEST_CASE_FIXTURE(Fixture, "While a holder lives nobody can truncate or rewrite the table") {
  auto holders = take();
  auto session = cluster.session();
  session.exec("SET lock_timeout = '50ms'");
  CHECK(session.sqlstate_of("TRUNCATE t") == "55P03");
  CHECK(session.sqlstate_of("ALTER TABLE t ALTER i TYPE bigint") == "55P03");
}

TEST_CASE_FIXTURE(Fixture,
                  "A holder that dies is replaced from the other, and the snapshot stays") {
  auto holders = take();
  const auto before = holders.holders();
  cluster.exec("DELETE FROM t");
  terminate(before[0].pid);
  while (!holders.tend() || holders.holders().size() < 2) {
  }
  const auto after = holders.holders();
  CHECK(after.size() == 2);
  CHECK(after != before);
  for (const auto& holder : after) {
    CHECK(rows_under(holder.exported_id) == "1000");
  }
}

TEST_CASE_FIXTURE(Fixture, "With both holders dead the snapshot is lost, and that is said") {
  auto holders = take();
  for (const auto& holder : holders.holders()) {
    terminate(holder.pid);
  }
  try {
    holders.tend();
    FAIL("not noticed");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::snapshot);
  }
}

TEST_CASE_FIXTURE(Fixture, "A snapshot is taken over from holders that live, and read as it was") {
  auto former = std::make_optional(take());
  cluster.exec("DELETE FROM t");
  const auto text = to_text(former->holders());
  auto adopted = SnapshotHolders::adopt(connector(), {target}, former->snapshot(),
                                        parse_holders(text), Locking::all);
  REQUIRE(adopted);
  former.reset();
  CHECK(rows_under(adopted->holders().front().exported_id) == "1000");
  auto session = cluster.session();
  session.exec("SET lock_timeout = '50ms'");
  CHECK(session.sqlstate_of("TRUNCATE t") == "55P03");
}

TEST_CASE_FIXTURE(Fixture,
                  "A snapshot whose holders are gone, or are others by now, is not taken over") {
  std::vector<Holder> gone;
  Snapshot snapshot;
  {
    auto former = take();
    gone = former.holders();
    snapshot = former.snapshot();
  }
  CHECK_FALSE(SnapshotHolders::adopt(connector(), {target}, snapshot, gone, Locking::all));
  auto other = take();
  auto same_pid = other.holders();
  same_pid[0].backend_start = "2001-01-01 00:00:00+00";
  same_pid.resize(1);
  CHECK_FALSE(
      SnapshotHolders::adopt(connector(), {target}, other.snapshot(), same_pid, Locking::all));
  cluster.exec("INSERT INTO t VALUES (1)");
  auto newer = take();
  CHECK_FALSE(
      SnapshotHolders::adopt(connector(), {target}, snapshot, newer.holders(), Locking::all));
}

TEST_CASE_FIXTURE(Fixture, "A lock that somebody else has is an error that names the table") {
  auto other = cluster.session();
  other.exec("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
  auto locker = connector()("locks");
  locker.exec("BEGIN");
  try {
    lock_table(locker, target);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::lock);
    CHECK(std::string(error.what()).find("public.t") != std::string::npos);
  }
  auto session = connector()("locks-info");
  const auto oid =
      static_cast<std::uint32_t>(std::stoul(cluster.exec("SELECT 't'::regclass::oid")));
  const auto blockers = lock_blockers(session, {oid});
  REQUIRE(blockers.size() == 1);
  CHECK(blockers[0].find(std::to_string(other.backend_pid())) != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture,
                  "Of many tables just those that can't be locked are reported, with the reason") {
  cluster.exec("CREATE TABLE a (i int); CREATE VIEW v AS SELECT * FROM t;"
               "CREATE MATERIALIZED VIEW m AS SELECT * FROM t");
  auto other = cluster.session();
  other.exec("BEGIN; LOCK TABLE a IN ACCESS EXCLUSIVE MODE");
  auto session = connector()("locks");
  session.exec("BEGIN");
  const auto failures = lock_tables(session, {target,
                                              {"public", "a", RelationKind::table, 0},
                                              {"public", "m", RelationKind::materialized_view, 0},
                                              {"public", "v", RelationKind::view, 0},
                                              {"public", "nosuch", RelationKind::table, 0}});
  REQUIRE(failures.size() == 2);
  CHECK(failures[0].index == 1);
  CHECK(failures[0].error.kind() == ErrorKind::lock);
  CHECK(failures[1].index == 4);
  CHECK(failures[1].error.sqlstate() == "42P01");
  auto rewriter = cluster.session();
  rewriter.exec("SET lock_timeout = '50ms'");
  CHECK(rewriter.sqlstate_of("REFRESH MATERIALIZED VIEW m") == "55P03");
  CHECK(rewriter.sqlstate_of("TRUNCATE t") == "55P03");
}

}  // namespace pgstride::handoff
