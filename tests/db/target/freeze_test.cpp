#include <doctest/doctest.h>

#include <string>

#include "support/pg_exec.hpp"
#include "target/freeze.hpp"
#include "target_database.hpp"

using namespace pgstride;
using namespace pgstride::test;

namespace {

/// In a transaction of its own: whether COPY may say FREEZE, and does.
bool freezes(TargetDatabase& db, pg::Connection& connection) {
  connection.exec("BEGIN");
  const bool begun = target::begin_freeze(connection, {"public", "t"});
  if (begun) {
    connection.exec("COPY public.t FROM PROGRAM 'echo 5' WITH (FREEZE)");
  }
  connection.exec("COMMIT");
  db.exec("ANALYZE t");
  return begun && db.exec("SELECT relallvisible FROM pg_class WHERE relname = 't'") == "1";
}

}  // namespace

TEST_CASE("An empty table is taken for a frozen COPY, also after other statements") {
  TargetDatabase db;
  db.exec("CREATE TABLE t (i int); INSERT INTO t VALUES (1); DELETE FROM t");
  CHECK(freezes(db, db.connection()));
  CHECK(db.exec("SELECT i FROM t") == "5");
}

TEST_CASE("A table with rows keeps them, one that is in use is not waited for") {
  TargetDatabase db;
  db.exec("CREATE TABLE t (i int); INSERT INTO t VALUES (1)");
  CHECK_FALSE(freezes(db, db.connection()));
  CHECK(db.exec("SELECT i FROM t") == "1");
  db.exec("DELETE FROM t");
  PgSession reader(db.conninfo());
  reader.exec("BEGIN; SELECT * FROM t");
  CHECK_FALSE(freezes(db, db.connection()));
  reader.exec("INSERT INTO t VALUES (2); COMMIT");
  CHECK_FALSE(freezes(db, db.connection()));
  CHECK(db.exec("SELECT i FROM t") == "2");
}

TEST_CASE("A role that may write but not read or truncate loads without") {
  TargetDatabase db;
  db.exec("CREATE ROLE writer LOGIN; CREATE TABLE t (i int); GRANT INSERT ON t TO writer");
  auto connection = db.connect("writer");
  connection.exec("BEGIN");
  CHECK_FALSE(target::begin_freeze(connection, {"public", "t"}));
  connection.exec("INSERT INTO public.t VALUES (3); COMMIT");
  CHECK(db.exec("SELECT i FROM t") == "3");
  db.exec("DROP OWNED BY writer; DROP ROLE writer");
}

TEST_CASE("What a foreign key refers to, and what has triggers or parts, is never truncated on the "
          "way") {
  TargetDatabase db;
  db.exec("CREATE TABLE plain (i int); CREATE TABLE referred (i int PRIMARY KEY);"
          "CREATE TABLE child (i int REFERENCES referred);"
          "CREATE TABLE parted (i int) PARTITION BY LIST (i);"
          "CREATE TABLE watched (i int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
          "'BEGIN RETURN NULL; END'; CREATE TRIGGER tr AFTER TRUNCATE ON watched EXECUTE FUNCTION "
          "f()");
  CHECK(target::may_freeze(db.read_one("plain")));
  CHECK(target::may_freeze(db.read_one("child")));
  for (const std::string name : {"referred", "parted", "watched", "absent"}) {
    CAPTURE(name);
    CHECK_FALSE(target::may_freeze(db.read_one(name)));
  }
}
