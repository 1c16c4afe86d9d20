// Rows that come in batches, into tables with triggers, identities, views and missing rights.
#include <doctest/doctest.h>

#include "cli/two_databases.hpp"

using namespace pgstride::test;

namespace {

const std::string k_items = "CREATE TABLE items (id int PRIMARY KEY, note text";

std::string filled(int rows, const std::string& value = "'n' || i") {
  return k_items + "); INSERT INTO items SELECT i, " + value + " FROM generate_series(1, " +
         std::to_string(rows) + ") i";
}

std::string trigger(const std::string& body, const std::string& when = "BEFORE INSERT") {
  return ") ; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN " + body +
         " END$$; CREATE TRIGGER f " + when + " ON items FOR EACH ROW EXECUTE FUNCTION f();";
}

}  // namespace

TEST_CASE("What a trigger drops is not counted as ignored") {
  const TwoDatabases f(filled(500), k_items +
                                        trigger("IF new.id > 400 THEN RETURN NULL; END IF; "
                                                "RETURN new;") +
                                        "INSERT INTO items SELECT generate_series(1, 50)");
  const auto ended = f.copy({"--on-conflict", "ignore"});
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(says(ended, "a trigger or a rule there drops some"));
  const TwoDatabases parts(
      filled(500), k_items +
                       ") PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF items DEFAULT; "
                       "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
                       "IF new.id > 400 THEN RETURN NULL; END IF; RETURN new; END$$; "
                       "CREATE TRIGGER f BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION f(); "
                       "INSERT INTO items SELECT generate_series(1, 50)");
  const auto of_part = parts.copy({"--on-conflict", "ignore"});
  INFO(of_part.text());
  CHECK(of_part.code == 1);
  CHECK(says(of_part, "a trigger or a rule there drops some"));
  const TwoDatabases unknown(
      filled(500), k_items + trigger("IF new.id > 400 THEN RETURN NULL; END IF; RETURN new;") +
                       "CREATE UNIQUE INDEX ON items ((note || id)); "
                       "INSERT INTO items SELECT generate_series(1, 50)");
  CHECK(says(unknown.copy({"--on-conflict", "ignore"}),
             "rows that triggers of public.items drop count as ignored"));
  const TwoDatabases nulls(filled(500, "CASE WHEN i = 450 THEN NULL ELSE 'n' || i END"),
                           k_items + trigger("RETURN new;") +
                               "CREATE UNIQUE INDEX ON items (note) NULLS NOT DISTINCT; "
                               "INSERT INTO items VALUES (-1, NULL)");
  const auto ignored = nulls.copy({"--on-conflict", "ignore"});
  INFO(ignored.text());
  CHECK(ignored.code == 0);
  CHECK(nulls.there("SELECT count(*) FROM items") == "500");
  const TwoDatabases fine(filled(500), k_items + trigger("new.note = 'by trigger'; RETURN new;") +
                                           "INSERT INTO items SELECT generate_series(1, 50)");
  const auto done = fine.copy({"--on-conflict", "ignore"});
  INFO(done.text());
  CHECK(done.code == 0);
  CHECK(fine.there("SELECT count(*) FROM items") == "500");
}

TEST_CASE("A NULL that --touch or a trigger fills is no mistake") {
  const std::string not_null = k_items + " NOT NULL, at timestamptz NOT NULL";
  const std::string rows = k_items + ", at timestamptz); INSERT INTO items SELECT i, NULL, NULL "
                                     "FROM generate_series(1, 100) i";
  const TwoDatabases f(rows, not_null + trigger("new.note = coalesce(new.note, 'x'); RETURN new;"));
  const auto ended = f.copy({"--mode", "upsert", "--touch", "at"});
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(f.there("SELECT count(*) FROM items WHERE note = 'x' AND at <= now()") == "100");
}

TEST_CASE("An upsert tells which identities it does not update") {
  const TwoDatabases f(k_items + ", n int GENERATED ALWAYS AS IDENTITY); INSERT INTO items (id) "
                                 "SELECT generate_series(1, 10)",
                       k_items + ", n int GENERATED ALWAYS AS IDENTITY (START 100)); INSERT INTO "
                                 "items (id) SELECT generate_series(1, 5)");
  const auto ended = f.copy({"--mode", "upsert"});
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(says(ended, "column \"n\" of public.items is GENERATED ALWAYS AS IDENTITY"));
  CHECK(f.there("SELECT count(*) FROM items WHERE n >= 100") == "5");
}

TEST_CASE("A view is loaded with a warning that its triggers are not seen") {
  const TwoDatabases f(filled(10), "CREATE VIEW items AS SELECT 1 AS id, ''::text AS note WHERE "
                                   "false; SELECT 1" +
                                       trigger("RETURN NULL;", "INSTEAD OF INSERT").substr(1));
  const auto ended = f.copy({"--mode", "copy"});
  INFO(ended.text());
  CHECK(says(ended, "public.items is a view"));
}

TEST_CASE("A role that may not make temporary tables is told so before anything is changed") {
  const TwoDatabases f(filled(10), k_items + ")");
  (void)f.there("CREATE ROLE plain_" + f.target_name + " LOGIN; REVOKE TEMP ON DATABASE " +
                f.target_name + " FROM PUBLIC; GRANT CREATE ON DATABASE " + f.target_name +
                " TO plain_" + f.target_name + "; ALTER TABLE items OWNER TO plain_" +
                f.target_name);
  auto job = f.job;
  job.targets = {cli_cluster().conninfo(f.target_name, "plain_" + f.target_name)};
  const auto refused = run(job.copy_command({"--mode", "upsert"}));
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "GRANT TEMPORARY ON DATABASE " + f.target_name));
  CHECK(run(job.copy_command({"--mode", "copy"})).code == 0);
}

TEST_CASE("Rows in conflict over a key with NULLs are found by index or hash, each once") {
  if (cli_cluster().major_version() < 15) {
    return;
  }
  const std::string table = "CREATE TABLE items (a int, b int, v text);";
  const std::string rows = "INSERT INTO items SELECT i, i, 'x' FROM generate_series(1, 30000) i;"
                           "INSERT INTO items VALUES (NULL, 5, 'x'), (5, NULL, 'x'), (NULL, NULL, "
                           "'x'), (NULL, 6, 'x')";
  const TwoDatabases f(table + rows + ", (NULL, 7, 'new'), (7, NULL, 'new')",
                       table + "ALTER TABLE items ADD UNIQUE NULLS NOT DISTINCT (a, b);" + rows);
  const auto ended = f.copy({"--on-conflict", "skip"});
  INFO(ended.text());
  REQUIRE(ended.code == 6);
  CHECK(f.there("SELECT count(*), count(*) FILTER (WHERE v = 'new') FROM items") == "30006|2");
  CHECK(f.job.status()["tables"][0]["rejected"] == 30004);
}

TEST_CASE("skip rejects a row that an exclusion constraint refuses") {
  const std::string table = "CREATE TABLE items (id int PRIMARY KEY, r int4range);";
  const TwoDatabases f(table + "INSERT INTO items SELECT i, int4range(i, i + 1) FROM "
                               "generate_series(1, 200) i",
                       table + "ALTER TABLE items ADD EXCLUDE USING gist (r WITH &&);"
                               "INSERT INTO items VALUES (1000, int4range(7, 8)), (5, NULL)");
  const auto ended = f.copy({"--on-conflict", "skip"});
  INFO(ended.text());
  REQUIRE(ended.code == 6);
  CHECK(f.there("SELECT count(*) FROM items") == "200");
  CHECK(f.job.status()["tables"][0]["rejected"] == 2);
}
