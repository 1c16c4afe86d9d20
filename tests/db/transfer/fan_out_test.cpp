#include <doctest/doctest.h>

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "pg/copy_reader.hpp"
#include "pg/copy_writer.hpp"
#include "support/temp_cluster.hpp"
#include "transfer/fan_out.hpp"

namespace pgstride::transfer {

namespace {

/// A database with a source table and targets of the same form, and a session with each.
class Targets {
 public:
  explicit Targets(int count, const std::string& columns = "id int, body text")
      : m_database(test::shared_cluster().create_database("fan")), m_source(connect()) {
    m_source.exec("CREATE TABLE public.source (" + columns + ")");
    for (int i = 0; i < count; ++i) {
      m_source.exec("CREATE TABLE public." + name(i) + " (LIKE public.source)");
      m_connections.push_back(connect());
    }
  }

  static std::string name(int number) { return "target" + std::to_string(number); }

  pg::Connection connect() const {
    pg::Connection connection(
        {test::shared_cluster().conninfo(m_database), "pgstride/test/w1", {}, {}});
    pg::enlarge_input_buffer(connection);
    return connection;
  }

  pg::Connection& source() { return m_source; }
  pg::Connection& target(int number) { return m_connections[static_cast<std::size_t>(number)]; }
  std::string database() const { return m_database; }
  std::string exec(const std::string& sql) const {
    return test::shared_cluster().exec(sql, m_database);
  }

  /// Runs a fan-out and finishes the writers that are left; gives the rows each says it took.
  std::vector<std::int64_t> run(const std::string& format, const FanOutOptions& options,
                                FanOutResult& result, const FanOutProgress& progress = {}) {
    std::deque<pg::CopyWriter> writers;
    std::vector<pg::CopyWriter*> pointers;
    for (std::size_t i = 0; i < m_connections.size(); ++i) {
      pointers.push_back(&writers.emplace_back(
          m_connections[i], "COPY public." + name(static_cast<int>(i)) + " FROM STDIN" + format,
          options.batch_bytes));
    }
    pg::CopyReader reader(m_source, "COPY public.source TO STDOUT" + format);
    result = fan_out(reader, pointers, options, progress);
    std::vector<std::int64_t> rows;
    for (std::size_t i = 0; i < pointers.size(); ++i) {
      rows.push_back(result.receivers[i].error ? -1 : pointers[i]->finish());
    }
    return rows;
  }

  /// Count and sum of a hash over the rows.
  std::string content(const std::string& table) const {
    return exec("SELECT count(*), sum(hashtextextended(t::text, 0)) FROM public." + table + " t");
  }

 private:
  std::string m_database;
  pg::Connection m_source;
  std::vector<pg::Connection> m_connections;
};

constexpr const char* k_text = "";
constexpr const char* k_binary = " WITH (FORMAT binary)";

}  // namespace

TEST_CASE("Three targets get every row once, in text and binary, whatever the buffers' size") {
  Targets targets(3);
  targets.exec(
      "INSERT INTO source SELECT g, repeat('x', g % 300) FROM generate_series(1, 20000) g;"
      "INSERT INTO source VALUES (NULL, NULL), (0, repeat('y', 200000)), (1, E'\\n\\t\\\\')");
  const auto expected = targets.content("source");
  for (const std::size_t bytes : {11UL, 129UL, FanOutOptions().batch_bytes}) {
    for (const auto* format : {k_text, k_binary}) {
      for (int i = 0; i < 3; ++i) {
        targets.exec("TRUNCATE " + Targets::name(i));
      }
      FanOutOptions options;
      options.batch_bytes = bytes;
      FanOutResult result;
      CHECK(targets.run(format, options, result) == std::vector<std::int64_t>(3, 20003));
      CHECK(result.complete);
      CHECK(result.rows == 20003);
      for (int i = 0; i < 3; ++i) {
        CHECK(targets.content(Targets::name(i)) == expected);
      }
    }
  }
}

TEST_CASE("Rows without columns, and no rows, go through as well") {
  for (const std::string rows : {"0", "5000"}) {
    Targets targets(2, "");
    targets.exec("INSERT INTO source SELECT FROM generate_series(1, " + rows + ")");
    for (const auto* format : {k_text, k_binary}) {
      FanOutResult result;
      CHECK(targets.run(format, {}, result) == std::vector<std::int64_t>(2, std::stol(rows)));
    }
  }
}

TEST_CASE("A target that is terminated is dropped with the server's words, and the others end") {
  Targets targets(3);
  targets.exec("INSERT INTO source SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g");
  FanOutResult result;
  bool killed = false;
  const auto rows = targets.run(k_binary, {}, result, [&](std::int64_t messages, std::int64_t) {
    if (messages > 20000 && !std::exchange(killed, true)) {
      targets.exec("SELECT pg_terminate_backend(" +
                   std::to_string(targets.target(1).backend_pid()) + ", 10000)");
    }
  });
  CHECK(rows == std::vector<std::int64_t>{200000, -1, 200000});
  CHECK(result.complete);
  REQUIRE(result.receivers[1].error.has_value());
  CHECK(result.receivers[1].error->sqlstate() == "57P01");
  CHECK(result.receivers[1].messages < 200000);
  CHECK(targets.exec("SELECT count(*) FROM target1") == "0");
  CHECK(targets.content("target2") == targets.content("source"));
}

TEST_CASE("With no target left the fan-out ends early, each with its own error") {
  Targets targets(2);
  targets.exec("INSERT INTO source SELECT g, repeat('x', 100) FROM generate_series(1, 500000) g;"
               "ALTER TABLE target0 ADD CHECK (id <> 1000);"
               "CREATE UNIQUE INDEX ON target1 ((id / 2))");
  FanOutResult result;
  const auto rows = targets.run(k_text, {}, result);
  CHECK(rows == std::vector<std::int64_t>{-1, -1});
  CHECK_FALSE(result.complete);
  CHECK(result.receivers[0].error->sqlstate() == "23514");
  CHECK(result.receivers[0].error->context().find("line 1000:") != std::string::npos);
  CHECK(result.receivers[1].error->sqlstate() == "23505");
  CHECK(result.receivers[0].messages < 500000);
  for (auto* connection : {&targets.source(), &targets.target(0), &targets.target(1)}) {
    CHECK(connection->exec("SELECT 1").int64(0, 0) == 1);
  }
}

TEST_CASE("A constraint that fails at the end only drops its own target") {
  Targets targets(2);
  targets.exec("INSERT INTO source SELECT g / 2, '' FROM generate_series(2, 1001) g;"
               "ALTER TABLE target0 ADD UNIQUE (id) DEFERRABLE");
  FanOutResult result;
  CHECK(targets.run(k_text, {}, result) == std::vector<std::int64_t>{-1, 1000});
  CHECK(result.receivers[0].error->sqlstate() == "23505");
}

TEST_CASE("A source that is terminated or fails leaves no row in any target") {
  Targets targets(2);
  targets.exec("INSERT INTO source SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g");
  bool killed = false;
  FanOutResult result;
  CHECK_THROWS_AS(targets.run(k_text, {}, result,
                              [&](std::int64_t messages, std::int64_t) {
                                if (messages > 20000 && !std::exchange(killed, true)) {
                                  targets.exec("SELECT pg_terminate_backend(" +
                                               std::to_string(targets.source().backend_pid()) +
                                               ", 10000)");
                                }
                              }),
                  Error);
  for (int i = 0; i < 2; ++i) {
    CHECK(targets.target(i).exec("SELECT count(*) FROM public." + Targets::name(i)).int64(0, 0) ==
          0);
  }
}

TEST_CASE("What a progress callback throws ends the fan-out without rows") {
  Targets targets(2);
  targets.exec("INSERT INTO source SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g");
  FanOutResult result;
  CHECK_THROWS_WITH(
      targets.run(k_text, {}, result,
                  [](std::int64_t, std::int64_t) { throw std::logic_error("enough"); }),
      "enough");
  CHECK(targets.target(0).exec("SELECT count(*) FROM public.target0").int64(0, 0) == 0);
  CHECK(targets.source().exec("SELECT 1").int64(0, 0) == 1);
}

TEST_CASE("Notices of triggers and notifications break no target") {
  Targets targets(2);
  targets.exec(
      "INSERT INTO source SELECT g, repeat('x', 100) FROM generate_series(1, 30000) g;"
      "CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "RAISE NOTICE 'row % %', NEW.id, repeat('n', NEW.id % 3000); PERFORM pg_notify('c', 'x'); "
      "RETURN NEW; END $$;"
      "CREATE TRIGGER loud BEFORE INSERT ON target0 FOR EACH ROW EXECUTE FUNCTION loud()");
  targets.target(0).exec("LISTEN c");
  targets.target(1).exec("LISTEN c");
  FanOutResult result;
  CHECK(targets.run(k_binary, {}, result) == std::vector<std::int64_t>(2, 30000));
  CHECK(targets.content("target0") == targets.content("source"));
}

TEST_CASE("A slow target slows the source, and what is held stays within the backlog") {
  Targets targets(2);
  targets.exec(
      "INSERT INTO source SELECT g, repeat('x', 1000) FROM generate_series(1, 50000) g;"
      "CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF NEW.id = 1 THEN PERFORM pg_advisory_xact_lock(1); END IF; RETURN NEW; END $$;"
      "CREATE TRIGGER waits BEFORE INSERT ON target1 FOR EACH ROW EXECUTE FUNCTION waits()");
  auto holder = test::shared_cluster().session(targets.database());
  holder.exec("BEGIN; SELECT pg_advisory_xact_lock(1)");
  std::int64_t handed_out = 0;
  std::thread freer([&] {
    // The lock is let go once the fan-out waits for nothing but the blocked target.
    auto watch = test::shared_cluster().session(targets.database());
    while (watch.exec("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'") ==
               "0" ||
           watch.exec("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0") {
    }
    holder.exec("COMMIT");
  });
  FanOutResult result;
  const auto rows = targets.run(k_text, {}, result, [&](std::int64_t, std::int64_t bytes) {
    if (targets.exec("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1") {
      handed_out = bytes;
    }
  });
  freer.join();
  CHECK(rows == std::vector<std::int64_t>(2, 50000));
  CHECK(handed_out < 3'000'000);  // the backlog, what the sockets and one batch hold
}

TEST_CASE("A target that takes nothing for too long is dropped if that is asked for") {
  Targets targets(2);
  targets.exec(
      "INSERT INTO source SELECT g, repeat('x', 1000) FROM generate_series(1, 50000) g;"
      "CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "PERFORM pg_advisory_xact_lock(2); RETURN NEW; END $$;"
      "CREATE TRIGGER waits BEFORE INSERT ON target1 FOR EACH ROW EXECUTE FUNCTION waits()");
  auto holder = test::shared_cluster().session(targets.database());
  holder.exec("BEGIN; SELECT pg_advisory_xact_lock(2)");
  FanOutOptions options;
  options.stall_limit = std::chrono::milliseconds(500);
  FanOutResult result;
  CHECK(targets.run(k_text, options, result) == std::vector<std::int64_t>{50000, -1});
  CHECK(std::string(result.receivers[1].error->what()) == "took no data for 0.5 s");
  CHECK(targets.target(1).exec("SELECT count(*) FROM public.target1").int64(0, 0) == 0);
}

TEST_CASE("A stop ends the fan-out at once, without rows") {
  Targets targets(1);
  targets.exec("INSERT INTO source SELECT g, repeat('x', 1000) FROM generate_series(1, 50000) g");
  std::stop_source stop;
  FanOutOptions options;
  options.stop = stop.get_token();
  FanOutResult result;
  try {
    targets.run(k_text, options, result, [&](std::int64_t, std::int64_t) { stop.request_stop(); });
    FAIL("went on");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::stopped);
  }
  CHECK(targets.exec("SELECT count(*) FROM target0") == "0");
}

}  // namespace pgstride::transfer
