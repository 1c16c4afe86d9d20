#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>

#include "support/run_program.hpp"
#include "support/temp_cluster.hpp"

using namespace pgstride::test;

TEST_CASE("A cluster answers, and again after a fast and an immediate stop") {
  TempCluster cluster;
  const auto db = cluster.create_database();
  CHECK(cluster.exec("SELECT current_database(), 1 + 1", db) == db + "|2");
  CHECK(cluster.exec("SHOW wal_level") == "logical");
  for (const auto mode : {StopMode::fast, StopMode::immediate}) {
    cluster.stop(mode);
    CHECK_THROWS(cluster.session(db));
    cluster.start();
    CHECK(cluster.exec("SELECT 3", db) == "3");
  }
}

TEST_CASE("A second cluster is another server with settings of its own") {
  TempCluster cluster({.settings = {"work_mem = '3MB'"}, .hba = {"local all nobody reject"}});
  CHECK(cluster.exec("SHOW work_mem") == "3MB");
  CHECK(shared_cluster().exec("SHOW work_mem") == "4MB");
  CHECK_THROWS(PgSession(cluster.conninfo("postgres", "nobody")));
}

TEST_CASE("COPY in and out through a session keeps the bytes") {
  auto session = shared_cluster().session();
  session.exec("CREATE TEMP TABLE t (a int, b text)");
  const std::string rows = "1\ta\n2\t\\N\n";
  CHECK(session.copy_in("COPY t FROM STDIN", [&](const auto& put) { put(rows); }) == 2);
  CHECK(session.copy_out("COPY t TO STDOUT") == rows);
  CHECK(session.exec("SELECT * FROM t") == "1|a\n2|");
  CHECK_THROWS(session.copy_in("COPY t FROM STDIN", [](const auto& put) { put("x\ty\n"); }));
  CHECK(session.sqlstate_of("SELECT * FROM nothing") == "42P01");
  CHECK(session.quote("a\"b") == "\"a\"\"b\"");
}

// Runs in a child of the next case only.
TEST_CASE("helper: a server is up and the test waits to be killed" * doctest::skip()) {
  const char* wanted = std::getenv("PGSTRIDE_TEST_HELPER");
  REQUIRE(wanted != nullptr);
  TempCluster cluster;
  write_text(wanted, cluster.directory().string());
  cluster.exec("SELECT pg_sleep(600)");
}

TEST_CASE("A server does not outlive a test that is killed with -9") {
  TempDir dir;
  Process child({"/proc/self/exe", "--no-skip", "--test-case=helper: a server is up*"},
                {{"PGSTRIDE_TEST_HELPER", dir / "where"}});
  REQUIRE(eventually([&] { return !read_text(dir / "where").empty(); }));
  const std::filesystem::path cluster = read_text(dir / "where");
  REQUIRE(std::filesystem::exists(cluster / "data" / "postmaster.pid"));
  const auto server =
      "/proc/" + std::to_string(std::stoi(read_text(cluster / "data" / "postmaster.pid")));
  REQUIRE(std::filesystem::exists(server));
  child.kill(SIGKILL);
  CHECK(child.wait().signal == SIGKILL);
  CHECK(eventually([&] { return !std::filesystem::exists(server); }));
  CHECK(eventually([&] { return !std::filesystem::exists(cluster.parent_path()); }));
}
