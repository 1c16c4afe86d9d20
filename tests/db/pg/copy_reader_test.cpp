#include <doctest/doctest.h>

#include <string>

#include "pg/copy_reader.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::pg {

namespace {

Connection connect() {
  Connection connection(
      {test::shared_cluster().conninfo(), "pgstride/test/w1", {}, std::chrono::milliseconds(0)});
  enlarge_input_buffer(connection);
  return connection;
}

std::string read_all(CopyReader& reader, std::int64_t& messages) {
  std::string all;
  while (const auto message = reader.next()) {
    all += *message;
    ++messages;
  }
  return all;
}

}  // namespace

TEST_CASE("Every byte of COPY arrives, for rows of any size, and the server's count with it") {
  auto connection = connect();
  for (const auto* sql : {"SELECT g, repeat('x', g % 300) FROM generate_series(1, 100000) g",
                          "SELECT repeat('y', 3000000 * g) FROM generate_series(0, 3) g",
                          "SELECT '' FROM generate_series(1, 5000)", "SELECT 1 WHERE false",
                          "SELECT FROM generate_series(1, 10)"}) {
    const std::string copy = std::string("COPY (") + sql + ") TO STDOUT";
    const auto expected = test::shared_cluster().session().copy_out(copy);
    std::int64_t messages = 0;
    CopyReader reader(connection, copy);
    CHECK((read_all(reader, messages) == expected));
    CHECK(reader.rows() == messages);
  }
}

TEST_CASE("Notices and changed settings in the middle of a COPY are no data") {
  auto connection = connect();
  connection.exec("CREATE FUNCTION pg_temp.loud(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN "
                  "IF i % 1000 = 0 THEN RAISE NOTICE 'n %', i; "
                  "PERFORM set_config('application_name', 'x' || i, false); END IF; "
                  "RETURN i; END $$");
  CopyReader reader(connection,
                    "COPY (SELECT pg_temp.loud(g) FROM generate_series(1, 5000) g) TO STDOUT");
  std::int64_t messages = 0;
  const auto all = read_all(reader, messages);
  CHECK(messages == 5000);
  CHECK(all.starts_with("1\n2\n"));
  CHECK(all.ends_with("4999\n5000\n"));
}

TEST_CASE("An error in the middle of the data is thrown, and the session can be used again") {
  auto connection = connect();
  {
    CopyReader reader(connection,
                      "COPY (SELECT 1 / (50000 - g) FROM generate_series(1, 100000) g) TO STDOUT");
    std::int64_t messages = 0;
    CHECK_THROWS_AS(read_all(reader, messages), Error);
    CHECK(messages < 50000);
  }
  CHECK(connection.exec("SELECT 7").int64(0, 0) == 7);
}

TEST_CASE("A statement that fails at once throws from the constructor") {
  auto connection = connect();
  CHECK_THROWS_AS(CopyReader(connection, "COPY nosuch TO STDOUT"), Error);
  CHECK(connection.exec("SELECT 7").int64(0, 0) == 7);
}

TEST_CASE("A reader that is abandoned leaves its session usable") {
  auto connection = connect();
  {
    CopyReader reader(connection, "COPY (SELECT generate_series(1, 100000000)) TO STDOUT");
    CHECK(reader.next().has_value());
  }
  CHECK(connection.exec("SELECT 7").int64(0, 0) == 7);
}

TEST_CASE("A backend that is terminated in the middle is an error, never an early end") {
  auto connection = connect();
  CopyReader reader(connection, "COPY (SELECT generate_series(1, 100000000)) TO STDOUT");
  CHECK(reader.next().has_value());
  test::shared_cluster().exec("SELECT pg_terminate_backend(" +
                              std::to_string(connection.backend_pid()) + ")");
  std::int64_t messages = 0;
  CHECK_THROWS_AS(read_all(reader, messages), Error);
  CHECK(messages < 100000000);
}

}  // namespace pgstride::pg
