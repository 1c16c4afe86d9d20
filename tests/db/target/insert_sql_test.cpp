#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/pg_exec.hpp"
#include "target/insert_sql.hpp"
#include "target/load_sql.hpp"
#include "target_database.hpp"

using namespace pgstride;
using namespace pgstride::test;
using target::ConflictClause;
using target::InsertInto;
using Names = std::vector<std::string>;

namespace {

// A session as the loader's: nothing is found by an unqualified name.
PgSession loader(const TargetDatabase& db) {
  PgSession session(db.conninfo());
  session.exec("SET search_path = ''");
  return session;
}

std::int64_t changed(PgSession& session, const std::string& sql) {
  return std::stoll(session.exec("WITH w AS (" + sql + " RETURNING 1) SELECT count(*) FROM w"));
}

struct Loaded {
  std::int64_t staged = 0;
  std::int64_t dropped = 0;
  std::string conflicts;  ///< csv
  std::int64_t written = 0;
};

// One batch in one transaction, as a worker does it.
Loaded load(const TargetDatabase& db, const InsertInto& insert, const std::string& text,
            bool skip = false) {
  auto session = loader(db);
  const auto sql = target::staged_load(insert);
  session.exec("BEGIN; " + sql.create);
  Loaded out;
  out.staged = session.copy_in(target::copy_statement(sql.stage, insert.columns, {}),
                               [&](const auto& put) { put(text); });
  if (!sql.drop_duplicates.empty()) {
    out.dropped = changed(session, sql.drop_duplicates);
  }
  if (skip) {
    out.conflicts = session.copy_out("COPY (" + sql.take_conflicts + ") TO STDOUT (FORMAT csv)");
  }
  out.written = changed(session, sql.merge);
  session.exec("COMMIT");
  CHECK(session.exec("SELECT count(*) FROM pg_class WHERE relname LIKE 'pgstride%'") == "0");
  return out;
}

// Updates by the key that is found.
InsertInto upsert(const target::TargetTable& table, const Names& columns, const Names& key = {}) {
  return {.target = &table,
          .columns = columns,
          .touch = {},
          .clause = ConflictClause::update,
          .key = target::choose_conflict_key(table, columns, key)};
}

}  // namespace

TEST_CASE("An upsert updates rows that are there, adds the others, and again changes nothing") {
  TargetDatabase db;
  db.exec("CREATE SCHEMA \"S \"\"s\"; CREATE TABLE \"S \"\"s\".\"T 't\" (\"K k\" int PRIMARY KEY, "
          "\"v\"\"v\" text COLLATE \"C\" NOT NULL, pgstride_row int, free int DEFAULT 7);"
          "INSERT INTO \"S \"\"s\".\"T 't\" VALUES (1, 'old', 1, 1), (2, 'stays', 2, 2)");
  const auto table =
      target::read_target_tables(db.connection(), {{"S \"s", "T 't"}}).tables.front();
  const auto insert = upsert(table, {"K k", "v\"v", "pgstride_row"});
  for (int round = 0; round < 2; ++round) {
    const auto loaded = load(db, insert, "1\tnew\t\\N\n3\tadded\t3\n");
    CHECK(loaded.staged == 2);
    CHECK(loaded.dropped == 0);
    CHECK(loaded.written == 2);
    CHECK(db.exec("SELECT * FROM \"S \"\"s\".\"T 't\" ORDER BY 1") ==
          "1|new||1\n2|stays|2|2\n3|added|3|7");
  }
}

TEST_CASE("Of two rows with one key the later wins, counted; NULL keys are no duplicates") {
  TargetDatabase db;
  db.exec("CREATE TABLE t (a int, b text, v text, UNIQUE (a, b))");
  const auto table = db.read_one("t");
  const auto insert = upsert(table, {"a", "b", "v"});
  const auto loaded = load(db, insert,
                           "1\tx\tfirst\n1\t\\N\tn1\n1\tx\tsecond\n1\t\\N\tn2\n2\tx\tother\n"
                           "1\tx\tlast\n");
  CHECK(loaded.staged == 6);
  CHECK(loaded.dropped == 2);
  CHECK(loaded.written == 4);
  CHECK(db.exec("SELECT * FROM t ORDER BY 1, 2, 3") == "1|x|last\n1||n1\n1||n2\n2|x|other");
}

TEST_CASE("Rows are told apart by the index's collation, not by the column's") {
  TargetDatabase db;
  if (db.exec("SELECT EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i')") != "t") {
    return;
  }
  db.exec("CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', "
          "deterministic = false); CREATE TABLE t (k text, v text);"
          "CREATE UNIQUE INDEX ON t (k COLLATE nocase); INSERT INTO t VALUES ('B', 'old')");
  const auto table = db.read_one("t");
  CHECK(table.unique_indexes.front().collations == Names{"public.nocase"});
  auto insert = upsert(table, {"k", "v"});
  CHECK(load(db, insert, "a\t1\nA\t2\nb\t3\n").dropped == 1);
  CHECK(db.exec("SELECT string_agg(k || v, ' ' ORDER BY v) FROM t") == "A2 B3");
  insert.clause = ConflictClause::none;
  CHECK(load(db, insert, "a\t4\nc\t5\n", true).conflicts == "1,a,4\n");
}

TEST_CASE("Where an index says that NULLs are not distinct they are one key") {
  TargetDatabase db;
  if (db.connection().server_version() < 150000) {
    return;
  }
  db.exec("CREATE TABLE t (k int, v text); CREATE UNIQUE INDEX ON t (k) NULLS NOT DISTINCT;"
          "INSERT INTO t VALUES (NULL, 'old')");
  const auto table = db.read_one("t");
  auto insert = upsert(table, {"k", "v"});
  CHECK(load(db, insert, "\\N\ta\n\\N\tb\n1\tc\n").dropped == 1);
  CHECK(db.exec("SELECT * FROM t ORDER BY 1 NULLS FIRST") == "|b\n1|c");
  insert.clause = ConflictClause::do_nothing;
  const auto skipped = load(db, insert, "\\N\tx\n2\ty\n", true);
  CHECK(skipped.conflicts == "1,,x\n");
  CHECK(skipped.written == 1);
}

TEST_CASE("Keys are compared by their own equality, not by one that the search_path finds") {
  TargetDatabase db;
  if (!db.has_extension("citext")) {
    return;
  }
  db.exec("CREATE EXTENSION citext; CREATE TABLE t (k citext PRIMARY KEY, v text);"
          "INSERT INTO t VALUES ('There', 'old')");
  const auto table = db.read_one("t");
  CHECK(table.unique_indexes.front().operators == Names{"OPERATOR(public.=)"});
  auto insert = upsert(table, {"k", "v"});
  const auto loaded = load(db, insert, "a\tfirst\nA\tlater\nTHERE\tnew\n");
  CHECK(loaded.dropped == 1);
  CHECK(db.exec("SELECT * FROM t ORDER BY 1") == "A|later\nThere|new");
  insert.clause = ConflictClause::do_nothing;
  CHECK(load(db, insert, "tHeRe\tx\nb\ty\n", true).conflicts == "1,tHeRe,x\n");
}

TEST_CASE("Ignored rows are those that were not written; skipped ones come back as rows") {
  TargetDatabase db;
  db.exec("CREATE TABLE t (k int PRIMARY KEY, u int UNIQUE, v text);"
          "INSERT INTO t VALUES (1, 1, 'old'), (2, 2, 'old')");
  const auto table = db.read_one("t");
  InsertInto insert{.target = &table,
                    .columns = {"k", "u", "v"},
                    .touch = {},
                    .clause = ConflictClause::do_nothing,
                    .key = target::find_conflict_key(table, {"k", "u", "v"})};
  auto loaded = load(db, insert, "1\t10\tnew\n3\t2\tby u\n4\t4\tadded\n4\t5\tlater\n");
  CHECK(loaded.staged == 4);
  CHECK(loaded.dropped == 1);
  CHECK(loaded.written == 1);
  CHECK(db.exec("SELECT * FROM t ORDER BY 1") == "1|1|old\n2|2|old\n4|5|later");
  loaded = load(db, insert, "1\t11\t\"q,\n9\t9\tadded\n", true);
  CHECK(loaded.conflicts == "1,1,11,\"\"\"q,\"\n");
  CHECK(loaded.written == 1);
  insert.key.reset();
  CHECK(load(db, insert, "1\t1\tx\n20\t20\tnew\n20\t21\ttwice\n").written == 1);
}

TEST_CASE("Identities are given, generated columns computed, touched columns set to now") {
  TargetDatabase db;
  db.exec("CREATE TABLE t (k text PRIMARY KEY, id int GENERATED ALWAYS AS IDENTITY, v int, "
          "g int GENERATED ALWAYS AS (v * 2) STORED, updated timestamp, seen date);"
          "INSERT INTO t (k, v) VALUES ('there', 1)");
  const auto table = db.read_one("t");
  auto insert = upsert(table, {"k", "id", "v", "updated"});
  insert.touch = {"updated", "seen"};
  CHECK(load(db, insert, "there\t100\t5\t2000-01-01\nnew\t200\t6\t2000-01-01\n").written == 2);
  CHECK(
      db.exec("SELECT k, id, v, g, updated > 'yesterday', seen > 'yesterday' FROM t ORDER BY 3") ==
      "there|1|5|10|t|t\nnew|200|6|12|t|t");
  insert.touch = {};
  load(db, insert, "new\t300\t7\t2000-01-01\n");
  CHECK(db.exec("SELECT id, v, updated FROM t WHERE k = 'new'") == "200|7|2000-01-01 00:00:00");
}

TEST_CASE("A table of key columns only takes new rows and leaves the others") {
  TargetDatabase db;
  db.exec("CREATE TABLE t (a int, b int, PRIMARY KEY (b, a)) PARTITION BY LIST (a);"
          "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); INSERT INTO t VALUES (1, 1)");
  const auto table = db.read_one("t");
  CHECK(load(db, upsert(table, {"a", "b"}), "1\t1\n1\t2\n1\t2\n").written == 1);
  CHECK(db.exec("SELECT * FROM t ORDER BY 2") == "1|1\n1|2");
}

TEST_CASE("A bad row is named by its line while it goes into the temporary table") {
  TargetDatabase db;
  db.exec("CREATE DOMAIN small AS int CHECK (VALUE < 10);"
          "CREATE TABLE t (k int PRIMARY KEY, s small, n text NOT NULL)");
  const auto table = db.read_one("t");
  const auto insert = upsert(table, {"k", "s", "n"});
  for (const auto* bad : {"2\t2\t\\N\n", "2\t20\tx\n", "z\t2\tx\n"}) {
    CHECK_THROWS_WITH(load(db, insert, "1\t1\ta\n" + std::string(bad)),
                      doctest::Contains("pgstride_stage, line 2"));
  }
}

TEST_CASE("Many rows in one INSERT take the types of the columns, and conflict as asked") {
  TargetDatabase db;
  db.exec("CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN d AS varchar(3);"
          "CREATE TABLE t (k int PRIMARY KEY, n numeric(5, 1), j jsonb, a text[], m mood, d d, "
          "b bytea, i int GENERATED ALWAYS AS IDENTITY, at timestamptz)");
  const auto table = db.read_one("t");
  InsertInto insert{.target = &table,
                    .columns = {"k", "n", "j", "a", "m", "d", "b", "i"},
                    .touch = {},
                    .clause = ConflictClause::none,
                    .key = {}};
  using Row = std::vector<target::Value>;
  const Row first{"1", "1.25", R"({"a":"it's \\"})", "{x,NULL}", "sad", "abc", R"(\x00ff)", "50"};
  const Row second{"2", {}, {}, {}, {}, {}, {}, "60"};
  auto session = loader(db);
  session.exec(target::insert_statement(insert, {first, second}));
  CHECK(db.exec("SELECT k, n, j, a, m, d, b, i FROM t ORDER BY 1") ==
        "1|1.3|{\"a\": \"it's \\\\\"}|{x,NULL}|sad|abc|\\x00ff|50\n2|||||||60");
  CHECK(session.sqlstate_of(target::insert_statement(insert, {second})) == "23505");
  CHECK(session.sqlstate_of(
            target::insert_statement(insert, {{"3", {}, {}, {}, {}, "long", {}, "1"}})) == "22001");
  insert.clause = ConflictClause::do_nothing;
  const Row third{"3", {}, {}, {}, {}, {}, {}, "70"};
  CHECK(changed(session, target::insert_statement(insert, {first, third})) == 1);
  insert.clause = ConflictClause::update;
  insert.key = target::choose_conflict_key(table, insert.columns);
  insert.touch = {"at"};
  CHECK(changed(session, target::insert_statement(insert, {{"1", "9", {}, {}, {}, {}, {}, "1"}})) ==
        1);
  CHECK(db.exec("SELECT n, j, i, at > 'yesterday' FROM t WHERE k = 1") == "9.0||50|t");
  CHECK(session.sqlstate_of(target::insert_statement(insert, {second, second})) == "21000");
}

TEST_CASE("A key that ON CONFLICT can't use is refused with the reason") {
  TargetDatabase db;
  db.exec(R"sql(
    CREATE TABLE none (a int); CREATE TABLE late (a int PRIMARY KEY DEFERRABLE, b int);
    CREATE TABLE odd (a int, b int, c int, EXCLUDE (b WITH =));
    CREATE UNIQUE INDEX part ON odd (a) WHERE b > 1; CREATE UNIQUE INDEX expr ON odd (abs(c));
    CREATE TABLE two (a int UNIQUE, b int UNIQUE);
    CREATE TABLE both_keys (a int PRIMARY KEY, b int UNIQUE))sql");
  const auto key_error = [&](const std::string& name, const Names& wanted) {
    const auto table = db.read_one(name);
    return error_of([&] { target::choose_conflict_key(table, {"a", "b", "c"}, wanted); });
  };
  CHECK(contains(key_error("none", {}), "public.none has no unique key"));
  CHECK(contains(key_error("late", {}), "unique index \"late_pkey\" is deferrable"));
  CHECK(contains(key_error("late", {"a"}), "unique index \"late_pkey\" is deferrable"));
  CHECK(contains(key_error("odd", {"a"}), "unique index \"part\" is partial"));
  CHECK(contains(key_error("odd", {}), "unique index \"expr\" is over expressions"));
  CHECK(contains(key_error("odd", {"b"}), "belongs to an exclusion constraint"));
  CHECK(contains(key_error("two", {}), "several unique keys: (a), (b)"));
  CHECK(key_error("two", {"b"}) == "");
  CHECK(key_error("both_keys", {}) == "");
  const auto both = db.read_one("both_keys");
  CHECK(contains(error_of([&] { target::choose_conflict_key(both, {"b"}, {"a"}); }),
                 "has column \"a\", which is not loaded"));

  const auto late = db.read_one("late");
  InsertInto insert{.target = &late,
                    .columns = {"a"},
                    .touch = {},
                    .clause = ConflictClause::do_nothing,
                    .key = {}};
  CHECK(contains(error_of([&] { target::check_insert(insert); }), "deferrable unique key"));
  insert.target = &both;
  CHECK(error_of([&] { target::check_insert(insert); }) == "");
  insert.key = target::choose_conflict_key(both, {"a"}, {});
  insert.touch = {"a"};
  CHECK(contains(error_of([&] { target::check_insert(insert); }), "belongs to the key"));
  insert.touch = {"nothing"};
  CHECK(contains(error_of([&] { target::check_insert(insert); }), "there is no column"));
}

TEST_CASE("Rows that conflict beside a deferrable key are ignored by the other one") {
  TargetDatabase db;
  db.exec(
      "CREATE TABLE t (a int PRIMARY KEY, b int UNIQUE DEFERRABLE); INSERT INTO t VALUES (1, 1)");
  const auto table = db.read_one("t");
  const InsertInto insert{.target = &table,
                          .columns = {"a", "b"},
                          .touch = {},
                          .clause = ConflictClause::do_nothing,
                          .key = target::find_conflict_key(table, {"a", "b"})};
  CHECK(load(db, insert, "1\t5\n2\t2\n").written == 1);
}
