#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>

#include "support/pg_exec.hpp"
#include "support/run_program.hpp"
#include "support/temp_cluster.hpp"
#include "target/commit_mark.hpp"

using namespace pgstride;
using namespace pgstride::test;
using target::CommitOutcome;

namespace {

pg::Connection connect(const TempCluster& cluster) {
  return pg::Connection({cluster.conninfo(), "test", {}, std::chrono::milliseconds(0)});
}

/// A server of its own with a table `t` and a transaction that has put a row into it.
struct Loading {
  Loading() {
    cluster.exec("CREATE TABLE t (i int)");
    connection.emplace(connect(cluster));
    connection->exec("BEGIN");
    connection->exec("INSERT INTO public.t VALUES (1)");
  }

  target::CommitMark mark() { return target::CommitMarker(connect(cluster)).mark(*connection); }
  target::CommitAnswer ask(const target::CommitMark& mark) const {
    auto asking = connect(cluster);
    return target::outcome_of(asking, mark);
  }
  // As many transactions as make an xid one that was given out.
  void use_up(std::uint64_t xid) const {
    auto session = cluster.session();
    while (std::stoull(session.exec("SELECT pg_current_xact_id()")) < xid) {
    }
  }

  TempCluster cluster;
  std::optional<pg::Connection> connection;
};

}  // namespace

TEST_CASE("A server that runs on tells what became of a marked transaction") {
  Loading loading;
  const auto mark = target::CommitMark::parse(loading.mark().text());
  const auto running = loading.ask(mark);
  CHECK(running.outcome == CommitOutcome::running);
  CHECK(running.reason == std::to_string(loading.connection->backend_pid()) + " (test)");
  SUBCASE("committed") {
    loading.connection->exec("COMMIT");
    CHECK(loading.ask(mark).outcome == CommitOutcome::committed);
  }
  SUBCASE("aborted") {
    loading.connection->exec("ROLLBACK");
    CHECK(loading.ask(mark).outcome == CommitOutcome::aborted);
  }
}

TEST_CASE("An xid alone is given out again after a crash: its `committed` is somebody else's") {
  Loading loading;
  auto other = connect(loading.cluster);
  other.exec("BEGIN");
  const auto xid = std::stoull(other.exec("SELECT pg_current_xact_id()").text(0, 0));
  SUBCASE("what was not marked looks committed and has no row") {
    loading.cluster.restart(StopMode::immediate);
    loading.use_up(xid);
    CHECK(loading.cluster.exec("SELECT pg_xact_status('" + std::to_string(xid) + "')") ==
          "committed");
    CHECK(loading.cluster.exec("SELECT count(*) FROM t") == "0");
  }
  SUBCASE("a mark is durable: its xid is not given out again") {
    const auto mark = loading.mark();
    loading.cluster.restart(StopMode::immediate);
    loading.use_up(mark.xid);
    CHECK(loading.ask(mark).outcome == CommitOutcome::aborted);
  }
}

TEST_CASE("What a restarted server says was committed is not believed: it may be a restored one") {
  Loading loading;
  const auto copy = loading.cluster.directory() / "copy";
  const auto data = loading.cluster.directory() / "data";
  SUBCASE("only restarted: true, but nobody knows") {
    const auto mark = loading.mark();
    loading.connection->exec("COMMIT");
    loading.cluster.restart(StopMode::immediate);
    const auto answer = loading.ask(mark);
    CHECK(answer.outcome == CommitOutcome::unknown);
    CHECK(answer.reason.find("was restarted") != std::string::npos);
  }
  SUBCASE("restored from a copy of its files") {
    loading.connection.reset();
    loading.cluster.stop();
    run_or_throw({"cp", "-a", data.string(), copy.string()});
    loading.cluster.start();
    loading.connection.emplace(connect(loading.cluster));
    loading.connection->exec("BEGIN; INSERT INTO public.t VALUES (2)");
    const auto mark = loading.mark();
    loading.connection->exec("COMMIT");
    loading.cluster.stop();
    run_or_throw({"rm", "-rf", data.string()});
    run_or_throw({"mv", copy.string(), data.string()});
    loading.cluster.start();
    auto asking = connect(loading.cluster);
    CHECK(target::has_lost(target::server_state(asking), mark));
    CHECK(loading.ask(mark).reason == target::k_lost);
    loading.use_up(mark.xid);
    loading.cluster.exec("CREATE TABLE filler AS SELECT generate_series(1, 10000)");
    CHECK(loading.cluster.exec("SELECT pg_xact_status('" + std::to_string(mark.xid) + "')") ==
          "committed");
    CHECK(loading.cluster.exec("SELECT count(*) FROM t") == "0");
    CHECK(loading.ask(mark).outcome == CommitOutcome::unknown);
  }
}

TEST_CASE("A mark of another server, or none, is told") {
  Loading loading;
  auto mark = loading.mark();
  mark.system_identifier = "1";
  CHECK(loading.ask(mark).reason == "it is another server than the one that was loaded");
  auto promoted = loading.mark();
  promoted.timeline += 1;
  CHECK(loading.ask(promoted).reason.find("timeline 1 instead of 2") != std::string::npos);
  for (const auto* text : {"", "1", "x|0/1|1|1|1", "5|0/1|1|1"}) {
    CHECK_THROWS_AS(target::CommitMark::parse(text), Error);
  }
}

TEST_CASE("A keeper whose statement was cancelled makes the next mark") {
  Loading loading;
  auto keeper = connect(loading.cluster);
  const auto pid = std::to_string(keeper.backend_pid());
  target::CommitMarker marker(std::move(keeper));
  std::atomic<bool> over = false;
  std::thread canceller([&] {
    auto session = loading.cluster.session();
    while (!over) {
      session.exec("SELECT pg_cancel_backend(" + pid + ")");
    }
  });
  bool cancelled = false;
  while (!cancelled) {
    try {
      marker.mark(*loading.connection);
    } catch (const Error& error) {
      cancelled = error.sqlstate() == "57014";
    }
  }
  over = true;
  canceller.join();
  try {
    marker.mark(*loading.connection);
  } catch (const Error& error) {
    CHECK(error.sqlstate() == "57014");  // the last cancel was still on its way
    marker.mark(*loading.connection);
  }
  loading.connection->exec("COMMIT");
}
