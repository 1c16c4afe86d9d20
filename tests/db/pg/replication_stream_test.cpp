// The change stream of a slot that is to stay where it is.
#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "pg/replication_stream.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::pg {

namespace {

struct Source {
  Source() {
    cluster.exec("CREATE TABLE t (i int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t;");
    cluster.exec("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
  }

  [[nodiscard]] Connection connect(std::stop_token stop = {}) const {
    ConnectOptions options;
    options.conninfo = cluster.conninfo();
    options.application_name = "pgstride/test/stream";
    options.cancel = std::move(stop);
    options.replication = true;
    return Connection(options);
  }
  [[nodiscard]] Lsn confirmed() const {
    return Lsn::parse(cluster.exec("SELECT confirmed_flush_lsn FROM pg_replication_slots"));
  }
  // A position that the flushed log has reached.
  [[nodiscard]] Lsn now() const {
    cluster.exec("SELECT pg_logical_emit_message(true, 'test', '')");
    return Lsn::parse(cluster.exec("SELECT pg_current_wal_flush_lsn()"));
  }
  // The types of the messages, without Relation, which comes as often as the server likes, and
  // without transactions that have nothing in them, which 14 sends.
  [[nodiscard]] std::string read(Lsn start, Lsn end) const {
    ReplicationStream stream(connect(), {"s", "p", start});
    std::string types;
    while (const auto message = stream.next(end)) {
      types += message->front() == 'R' ? "" : std::string(1, message->front());
      if (types.ends_with("BC")) {
        types.resize(types.size() - 2);
      }
    }
    return types;
  }
  void wait_until_free() const {
    while (cluster.exec("SELECT active FROM pg_replication_slots") == "t") {
      std::this_thread::yield();
    }
  }

  test::TempCluster cluster{test::ClusterOptions{.settings = {"wal_level = logical"}}};
};

}  // namespace

TEST_CASE_FIXTURE(Source, "All that committed below the end comes, again and again, and the slot "
                          "stays where it is") {
  const auto start = confirmed();
  cluster.exec("INSERT INTO t VALUES (1); UPDATE t SET i = 2; DELETE FROM t; TRUNCATE t");
  const auto middle = now();
  CHECK(read(start, middle) == "BIUDTC");
  wait_until_free();
  cluster.exec("INSERT INTO t VALUES (3)");
  const auto end = now();
  CHECK(read(start, end) == "BIUDTCBIC");
  wait_until_free();
  CHECK(read(middle, end) == "BIC");
  wait_until_free();
  CHECK(confirmed() == start);
}

TEST_CASE_FIXTURE(Source, "A transaction that began before the start and commits behind it comes") {
  auto writer = cluster.session();
  writer.exec("BEGIN; INSERT INTO t VALUES (1)");
  const auto start = now();
  writer.exec("INSERT INTO t VALUES (2); COMMIT");
  CHECK(read(start, now()) == "BIIC");
}

TEST_CASE_FIXTURE(Source,
                  "A slot that somebody reads, one that is not there and a publication that "
                  "is not there are errors") {
  const ReplicationStream first(connect(), {"s", "p", {}});
  try {
    const ReplicationStream second(connect(), {"s", "p", {}});
    FAIL("two read one slot");
  } catch (const Error& error) {
    CHECK(error.sqlstate() == "55006");
  }
  CHECK_THROWS_AS(ReplicationStream(connect(), {"none", "p", {}}), Error);
  cluster.exec("SELECT pg_create_logical_replication_slot('other', 'pgoutput')");
  cluster.exec("INSERT INTO t VALUES (1)");
  const auto end = now();
  ReplicationStream stream(connect(), {"other", "no such", {}});
  const auto read_all = [&] {
    while (stream.next(end)) {
    }
  };
  if (cluster.major_version() < 18) {
    CHECK_THROWS_AS(read_all(), Error);
  } else {
    read_all();  // nothing comes, and only the server's log tells why
  }
}

TEST_CASE_FIXTURE(Source, "A stop ends the wait for what does not come") {
  std::stop_source stop;
  ReplicationStream stream(connect(stop.get_token()), {"s", "p", {}});
  std::jthread stopper([&] { stop.request_stop(); });
  try {
    while (stream.next(Lsn{~std::uint64_t{0}})) {
    }
    FAIL("it ended");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::stopped);
  }
}

}  // namespace pgstride::pg
