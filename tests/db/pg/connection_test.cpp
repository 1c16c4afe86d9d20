#include <doctest/doctest.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <thread>

#include "pg/connection.hpp"
#include "pg/conninfo.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::pg {

namespace {

Connection connect(const std::string& conninfo, std::stop_token cancel = {}) {
  return Connection(
      {conninfo, "pgstride/test/w1", std::move(cancel), std::chrono::milliseconds(0)});
}

}  // namespace

TEST_CASE("A session has the settings that keep values as they are, whatever the role's defaults") {
  auto& cluster = test::shared_cluster();
  const auto database = cluster.create_database();
  cluster.exec("ALTER ROLE postgres IN DATABASE " + database + " SET datestyle = 'SQL, DMY'",
               database);
  cluster.exec("ALTER ROLE postgres IN DATABASE " + database + " SET search_path = 'public'",
               database);
  cluster.exec("ALTER ROLE postgres IN DATABASE " + database + " SET extra_float_digits = 0",
               database);
  cluster.exec("ALTER ROLE postgres IN DATABASE " + database + " SET statement_timeout = '1ms'",
               database);
  cluster.exec("ALTER ROLE postgres IN DATABASE " + database + " SET timezone = 'Asia/Tokyo'",
               database);
  auto connection = connect(cluster.conninfo(database));
  const auto setting = [&](const std::string& name) {
    return connection.query("SELECT pg_catalog.current_setting($1)", {name}).text(0, 0);
  };
  CHECK(setting("search_path") == "");
  CHECK(setting("DateStyle") == "ISO, YMD");
  CHECK(setting("IntervalStyle") == "postgres");
  CHECK(setting("extra_float_digits") == "3");
  CHECK(setting("TimeZone") == "UTC");
  CHECK(setting("client_encoding") == "UTF8");
  CHECK(setting("statement_timeout") == "0");
  CHECK(setting("row_security") == "off");
  CHECK(setting("synchronize_seqscans") == "off");
  CHECK(setting("application_name") == "pgstride/test/w1");
}

TEST_CASE("A server's error keeps its SQLSTATE, detail and statement, and the session goes on") {
  auto connection = connect(test::shared_cluster().conninfo());
  try {
    connection.exec("SELECT 1/0");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::server);
    CHECK(error.sqlstate() == "22012");
    CHECK(error.statement() == "SELECT 1/0");
    CHECK_FALSE(error.poisons_connection());
    CHECK_FALSE(error.is_transient());
  }
  CHECK(connection.exec("SELECT 5").int64(0, 0) == 5);
}

TEST_CASE("A triggered token cancels the running statement") {
  std::stop_source stop;
  auto connection = connect(test::shared_cluster().conninfo(), stop.get_token());
  std::jthread trigger([&] {
    auto watcher = test::shared_cluster().session();
    while (watcher.exec("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid = " +
                        std::to_string(connection.backend_pid())) != "1") {
    }
    stop.request_stop();
  });
  try {
    connection.exec("SELECT pg_catalog.pg_sleep(600)");
    FAIL("not cancelled");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::stopped);
  }
}

TEST_CASE("A terminated backend poisons its connection and may be tried again") {
  auto connection = connect(test::shared_cluster().conninfo());
  test::shared_cluster().exec("SELECT pg_terminate_backend(" +
                              std::to_string(connection.backend_pid()) + ", 10000)");
  try {
    connection.exec("SELECT 1");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.poisons_connection());
    CHECK(error.is_transient());
  }
  CHECK_FALSE(connection.still_connected());
}

TEST_CASE("An unreadable connection string never shows its password") {
  for (const auto* conninfo :
       {"host=x password=s3cret port", "postgresql://joe:s3cret@host:port:x/db?y",
        "postgresql://joe:s3cret@host/db?nosuch=1"}) {
    try {
      connect(conninfo);
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      CHECK(error.full_text().find("s3cret") == std::string::npos);
      CHECK_FALSE(error.hint().empty());
    }
  }
}

TEST_CASE("What is stored of a connection string opens the same database, without its password") {
  auto& cluster = test::shared_cluster();
  const auto database = cluster.create_database();
  const auto given = cluster.conninfo(database) + " password=s3cret";
  const auto stored = [&] {
    const auto connection = connect(given);
    return storable_conninfo(connection, given);
  }();
  CHECK(stored.find("s3cret") == std::string::npos);
  auto again = connect(stored);
  CHECK(server_identity(again).database == database);
  CHECK(server_identity(again).system_identifier ==
        cluster.exec("SELECT system_identifier FROM pg_control_system()"));
}

}  // namespace pgstride::pg
