#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "pg/copy_reader.hpp"
#include "pg/copy_writer.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::pg {

namespace {

Connection connect() {
  return Connection({test::shared_cluster().conninfo(), "pgstride/test/w1", {}, {}});
}

SharedBytes shared(std::string text) {
  const auto owner = std::make_shared<const std::string>(std::move(text));
  return {std::shared_ptr<const char>(owner, owner->data()), owner->size()};
}

/// The rows `n, a text` for n = from … to - 1.
std::string rows(int from, int to, std::size_t width = 100) {
  std::string text;
  for (int i = from; i < to; ++i) {
    text += std::to_string(i) + "\t" + std::string(width, 'x') + "\n";
  }
  return text;
}

void new_table(Connection& connection, const std::string& name) {
  connection.exec("DROP TABLE IF EXISTS public." + name + "; CREATE TABLE public." + name +
                  " (id int, body text)");
}

std::int64_t count(Connection& connection, const std::string& name) {
  return connection.exec("SELECT count(*) FROM public." + name).int64(0, 0);
}

Error error_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::internal, "no error"};
}

}  // namespace

TEST_CASE("What is written arrives, whatever the size of rows, pieces and messages") {
  auto connection = connect();
  for (const std::size_t message : {11UL, 129UL, CopyWriter::k_message_bytes}) {
    for (const std::size_t width : {0UL, 100UL, 20'000UL}) {
      const int n = width > 1000 || message < 1000 ? 300 : 20'000;
      new_table(connection, "w");
      CopyWriter writer(connection, "COPY public.w FROM STDIN", message);
      const auto text = rows(0, n, width);
      for (std::size_t at = 0; at < text.size(); at += 77) {
        writer.write(std::string_view(text).substr(at, 77));
      }
      CHECK(writer.finish() == n);
      CHECK(connection
                .exec("SELECT sum(length(body)) = " + std::to_string(n * static_cast<int>(width)) +
                      " AND count(DISTINCT id) = " + std::to_string(n) + " FROM public.w")
                .boolean(0, 0));
    }
  }
}

TEST_CASE("No rows, and rows without columns, are counted as the server counts them") {
  auto connection = connect();
  new_table(connection, "w");
  CHECK(CopyWriter(connection, "COPY public.w FROM STDIN").finish() == 0);
  connection.exec("DROP TABLE IF EXISTS public.none; CREATE TABLE public.none ()");
  CopyWriter writer(connection, "COPY public.none FROM STDIN");
  writer.write("\n\n\n");
  CHECK(writer.finish() == 3);
}

TEST_CASE("A bad row is an error with SQLSTATE and line, and the connection can be used again") {
  auto connection = connect();
  new_table(connection, "w");
  CopyWriter writer(connection, "COPY public.w FROM STDIN");
  writer.write("1\ta\n2\tb\nx\tc\n");
  const auto error = error_of([&] { writer.finish(); });
  CHECK(error.sqlstate() == "22P02");
  CHECK(error.context().find("line 3, column id") != std::string::npos);
  CHECK_FALSE(error.poisons_connection());
  CHECK(count(connection, "w") == 0);
}

TEST_CASE("A refusal in the middle is noticed at once, among any number of notices") {
  auto connection = connect();
  new_table(connection, "w");
  for (const int notices : {0, 1, 50}) {
    connection.exec("CREATE OR REPLACE FUNCTION public.loud() RETURNS trigger LANGUAGE plpgsql AS "
                    "$$ BEGIN FOR i IN 1.." +
                    std::to_string(notices) +
                    " LOOP RAISE NOTICE 'row % %', NEW.id, repeat('n', 500); END LOOP; "
                    "IF NEW.id = 500 THEN RAISE 'too much'; END IF; RETURN NEW; END $$;"
                    "CREATE OR REPLACE TRIGGER loud BEFORE INSERT ON public.w "
                    "FOR EACH ROW EXECUTE FUNCTION public.loud()");
    CopyWriter writer(connection, "COPY public.w FROM STDIN");
    int written = 0;
    const auto error = error_of([&] {
      for (; written < 2'000'000; written += 100) {
        writer.write(rows(written, written + 100));
      }
    });
    CHECK(error.sqlstate() == "P0001");
    CHECK(written < 500'000);
    CHECK(count(connection, "w") == 0);
  }
}

TEST_CASE("Notices and a notification in the middle of a COPY break nothing") {
  auto connection = connect();
  new_table(connection, "w");
  connection.exec("LISTEN w");
  connection.exec("CREATE OR REPLACE FUNCTION public.loud() RETURNS trigger LANGUAGE plpgsql AS $$ "
                  "BEGIN IF NEW.id % 10 = 0 THEN RAISE NOTICE '%', repeat('n', NEW.id); "
                  "PERFORM pg_notify('w', NEW.id::text); END IF; RETURN NEW; END $$;"
                  "CREATE OR REPLACE TRIGGER loud BEFORE INSERT ON public.w "
                  "FOR EACH ROW EXECUTE FUNCTION public.loud()");
  CopyWriter writer(connection, "COPY public.w FROM STDIN");
  for (int i = 0; i < 10'000; ++i) {
    writer.write(rows(i, i + 1, 200));
    if (i % 1000 == 0) {
      test::shared_cluster().exec("NOTIFY w, 'from another'");
    }
  }
  CHECK(writer.finish() == 10'000);
  CHECK(count(connection, "w") == 10'000);
}

TEST_CASE("A loop can feed it without ever waiting in it, and sees how much is behind") {
  auto connection = connect();
  new_table(connection, "w");
  CopyWriter writer(connection, "COPY public.w FROM STDIN");
  const auto block = shared(rows(0, 10'000));
  for (int i = 0; i < 40; ++i) {
    writer.offer(block);
  }
  CHECK(writer.backlog() == 40 * block.size);
  writer.pump();
  CHECK(writer.backlog() < 40 * block.size);
  writer.end();
  while (!writer.ended()) {
    connection.ready(std::chrono::milliseconds(100), writer.wants_write());
    writer.pump();
  }
  CHECK(writer.backlog() == 0);
  CHECK(writer.finish() == 400'000);
}

TEST_CASE("An abandoned COPY leaves no rows and a usable connection, in a transaction or without") {
  auto connection = connect();
  new_table(connection, "w");
  {
    CopyWriter writer(connection, "COPY public.w FROM STDIN");
    writer.write(rows(0, 50'000));
  }
  CHECK(count(connection, "w") == 0);
  connection.exec("BEGIN; INSERT INTO public.w VALUES (1, 'a')");
  {
    CopyWriter writer(connection, "COPY public.w FROM STDIN");
    writer.write(rows(0, 10));
  }
  CHECK(connection.in_transaction());
  connection.abandon_transaction();
  CHECK(count(connection, "w") == 0);
}

TEST_CASE("A COPY that waits for a lock in the server is cancelled when it is abandoned") {
  auto connection = connect();
  new_table(connection, "w");
  connection.exec(
      "CREATE OR REPLACE FUNCTION public.waits() RETURNS trigger LANGUAGE plpgsql AS $$ "
      "BEGIN PERFORM pg_advisory_xact_lock(8); RETURN NEW; END $$;"
      "CREATE TRIGGER waits BEFORE INSERT ON public.w "
      "FOR EACH ROW EXECUTE FUNCTION public.waits()");
  auto holder = test::shared_cluster().session();
  holder.exec("BEGIN; SELECT pg_advisory_xact_lock(8)");
  {
    CopyWriter writer(connection, "COPY public.w FROM STDIN");
    for (int i = 0; i < 40; ++i) {
      writer.offer(shared(rows(0, 10'000)));
    }
    writer.pump();
    CHECK(writer.backlog() > 0);
  }
  CHECK(connection.usable());
  CHECK(count(connection, "w") == 0);
}

TEST_CASE("A backend that is terminated in the middle is told with the server's last words") {
  auto connection = connect();
  auto other = connect();
  new_table(other, "w");
  CopyWriter writer(connection, "COPY public.w FROM STDIN");
  writer.write(rows(0, 10'000));
  test::shared_cluster().exec("SELECT pg_terminate_backend(" +
                              std::to_string(connection.backend_pid()) + ", 10000)");
  const auto error = error_of([&] {
    for (int i = 0; i < 10'000; ++i) {
      writer.write(rows(0, 100));
    }
  });
  CHECK(error.sqlstate() == "57P01");
  CHECK(error.poisons_connection());
  CHECK_FALSE(connection.usable());
  CHECK(count(other, "w") == 0);
}

TEST_CASE("A stop ends a COPY that waits for the server") {
  std::stop_source stop;
  Connection connection(
      {test::shared_cluster().conninfo(), "pgstride/test/w1", stop.get_token(), {}});
  new_table(connection, "w");
  {
    CopyWriter writer(connection, "COPY public.w FROM STDIN");
    stop.request_stop();
    CHECK(error_of([&] { writer.write(rows(0, 10'000)); }).kind() == ErrorKind::stopped);
  }
  CHECK(test::shared_cluster().exec("SELECT count(*) FROM w") == "0");
}

TEST_CASE("A statement that is no COPY of the wanted direction is refused by name") {
  for (const auto* sql :
       {"SELECT 1", "COPY (SELECT 1) TO STDOUT", "COPY public.nosuch FROM STDIN"}) {
    auto connection = connect();
    const auto error = error_of([&] { CopyWriter writer(connection, sql); });
    CHECK((error.kind() == ErrorKind::usage || error.sqlstate() == "42P01"));
  }
  auto connection = connect();
  new_table(connection, "w");
  CHECK(error_of([&] { CopyReader reader(connection, "COPY public.w FROM STDIN"); }).kind() ==
        ErrorKind::usage);
}

}  // namespace pgstride::pg
