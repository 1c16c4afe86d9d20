#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/pg_exec.hpp"
#include "target/load_order.hpp"
#include "target/load_sql.hpp"
#include "target_database.hpp"

using namespace pgstride;
using namespace pgstride::test;
using Names = std::vector<std::string>;

namespace {

Names messages(const std::vector<target::Difference>& differences) {
  Names out;
  for (const auto& difference : differences) {
    out.push_back(difference.message);
  }
  return out;
}

}  // namespace

TEST_CASE("COPY names its columns, whatever they are called, and takes identities as given") {
  TargetDatabase db;
  db.exec("CREATE TABLE \"T \"\"t\" (id int GENERATED ALWAYS AS IDENTITY, \"A b\" text, g int "
          "GENERATED ALWAYS AS (1) STORED)");
  PgSession session(db.conninfo());
  session.exec("SET search_path = ''");
  const target::TableName name{"public", "T \"t"};
  const auto sql = target::copy_statement(name, {"A b", "id"}, {.tag = "job */ DROP"});
  CHECK(sql == "/* job __ DROP */ COPY \"public\".\"T \"\"t\" (\"A b\", \"id\") FROM STDIN WITH "
               "(FORMAT text)");
  CHECK(session.copy_in(sql, [](const auto& put) { put("x\t77\n"); }) == 1);
  const auto csv = target::copy_statement(
      name, {"id"}, {.format = Format::csv, .options = "DELIMITER ';', HEADER"});
  CHECK(session.copy_in(csv, [](const auto& put) { put("id\n78\n"); }) == 1);
  CHECK(db.exec("SELECT id, \"A b\", g FROM \"T \"\"t\" ORDER BY 1") == "77|x|1\n78||1");
}

TEST_CASE("A table without columns is loaded without a list") {
  TargetDatabase db;
  db.exec("CREATE TABLE t ()");
  PgSession session(db.conninfo());
  CHECK(session.copy_in(target::copy_statement({"public", "t"}, {}, {}),
                        [](const auto& put) { put("\n\n"); }) == 2);
  CHECK(db.exec("SELECT count(*) FROM t") == "2");
}

TEST_CASE("Rows copied with FREEZE after a truncation are frozen, elsewhere it is refused") {
  TargetDatabase db;
  db.exec("CREATE TABLE t (i int); INSERT INTO t VALUES (1)");
  PgSession early(db.conninfo());
  early.exec("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
  PgSession session(db.conninfo());
  const auto sql =
      target::copy_statement({"public", "t"}, {"i"}, {.format = Format::text, .freeze = true});
  const auto two_rows = [](const auto& put) { put("1\n2\n"); };
  session.exec("BEGIN; " + target::truncate_statement({db.read_one("t")}));
  session.copy_in(sql, two_rows);
  session.exec("COMMIT");
  // Frozen rows are seen by every snapshot, also by one from before.
  CHECK(early.exec("SELECT count(*) FROM t") == "2");
  CHECK_THROWS_WITH(session.copy_in(sql, two_rows),
                    doctest::Contains("cannot perform COPY FREEZE"));
}

TEST_CASE("Tables that refer to each other are truncated at once; children and others are spared") {
  TargetDatabase db;
  db.exec(R"sql(
    CREATE TABLE a (i int PRIMARY KEY, b int); CREATE TABLE b (i int PRIMARY KEY REFERENCES a);
    ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;
    CREATE TABLE child () INHERITS (a); INSERT INTO child VALUES (5);
    CREATE TABLE p (i int) PARTITION BY LIST (i); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
    INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); INSERT INTO p VALUES (1))sql");
  const auto facts = db.read({"a", "b", "p"});
  CHECK(target::truncate_differences(facts.tables).empty());
  db.connection().exec(target::truncate_statement(facts.tables));
  CHECK(db.exec("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count(*) FROM "
                "p)") == "1|0|0");
}

TEST_CASE("A truncation that foreign keys or privileges forbid is refused beforehand") {
  TargetDatabase db;
  db.exec("CREATE TABLE a (i int PRIMARY KEY); CREATE TABLE b (i int CONSTRAINT up REFERENCES a);"
          "CREATE ROLE loader LOGIN; GRANT INSERT ON a TO loader");
  CHECK(messages(target::truncate_differences(db.read({"a"}).tables)) ==
        Names{"can't truncate public.a: foreign key \"up\" of public.b refers to it"});
  CHECK(target::truncate_differences(db.read({"a", "b"}).tables).empty());
  auto session = db.connect("loader");
  CHECK(messages(target::truncate_differences(
                     target::read_target_tables(session, {{"public", "a"}}).tables))
            .front() == "may not truncate public.a");
  db.exec("DROP OWNED BY loader; DROP ROLE loader");
}

TEST_CASE("Foreign keys within a job are told: rows may come before those they refer to") {
  TargetDatabase db;
  db.exec("CREATE TABLE a (i int PRIMARY KEY, up int CONSTRAINT own REFERENCES a);"
          "CREATE TABLE b (i int CONSTRAINT up REFERENCES a); CREATE TABLE o (i int PRIMARY KEY);"
          "CREATE TABLE c (i int REFERENCES o)");
  CHECK(messages(target::load_order_differences(db.read({"a", "b", "c"}).tables)) ==
        Names{"foreign key \"own\" of public.a refers to public.a, which is loaded by the same "
              "job: rows may come before those they refer to",
              "foreign key \"up\" of public.b refers to public.a, which is loaded by the same "
              "job: rows may come before those they refer to"});
}
