#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/pg_exec.hpp"
#include "target/deferred_build.hpp"
#include "target_database.hpp"

using namespace pgstride;
using namespace pgstride::test;
using target::DeferredKind;
using target::DeferredObject;
using target::TableName;

namespace {

constexpr std::chrono::milliseconds k_patience{5'000};

// Every kind of index and constraint, with all that can be said about one.
constexpr const char* k_schema = R"sql(
  CREATE TABLE up (i int PRIMARY KEY, u int UNIQUE, "W w" text);
  CREATE TABLE "T t" (
    id int PRIMARY KEY, a int NOT NULL, b text COLLATE "C", c int4range, d numeric, up int,
    CONSTRAINT "u ""one" UNIQUE (a) INCLUDE (b) WITH (fillfactor = 55) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT u2 UNIQUE (d, a), EXCLUDE USING gist (c WITH &&) WITH (fillfactor = 44),
    CONSTRAINT "fk up" FOREIGN KEY (up) REFERENCES up (u) ON DELETE CASCADE DEFERRABLE,
    CONSTRAINT fk_self FOREIGN KEY (up) REFERENCES "T t");
  ALTER TABLE "T t" ADD CONSTRAINT fk_unchecked FOREIGN KEY (a) REFERENCES up NOT VALID;
  CREATE INDEX "I i" ON "T t" (lower(b) COLLATE "POSIX" DESC NULLS LAST, a) WHERE a > 0;
  CREATE INDEX expr ON "T t" ((a + 1), (id % 3)); ALTER INDEX expr ALTER COLUMN 2 SET STATISTICS 77;
  CREATE UNIQUE INDEX ident ON "T t" (a); ALTER TABLE "T t" REPLICA IDENTITY USING INDEX ident;
  CREATE INDEX br ON "T t" USING brin (a) WITH (pages_per_range = 7);
  CREATE INDEX h ON "T t" USING hash (b); CREATE INDEX tp ON "T t" (b text_pattern_ops);
  CREATE INDEX elsewhere ON "T t" (d) TABLESPACE spare; ALTER TABLE "T t" CLUSTER ON elsewhere;
  COMMENT ON INDEX elsewhere IS 'it''s a \ comment'; COMMENT ON CONSTRAINT u2 ON "T t" IS 'of u2';
  COMMENT ON CONSTRAINT "fk up" ON "T t" IS 'of fk';
  CREATE TABLE kid (i int REFERENCES "T t" (id), a int REFERENCES "T t" (a));
  CREATE TABLE p (k int, v int, w int CONSTRAINT p_up REFERENCES up, UNIQUE (k, v)) PARTITION BY LIST (k);
  CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
  CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2, 3) PARTITION BY LIST (k);
  CREATE TABLE p22 PARTITION OF p2 FOR VALUES IN (2);
  CREATE INDEX p_v ON p (v); COMMENT ON INDEX p_v IS 'of p_v'; CREATE INDEX p1_own ON p1 (w);
  ALTER INDEX p22_v_idx RENAME TO "renamed Idx"; CREATE INDEX p2_w ON p2 (w);
  CREATE TABLE of_p (k int, v int, FOREIGN KEY (k, v) REFERENCES p (k, v));
  CREATE TABLE other (i int PRIMARY KEY, j int UNIQUE);
  INSERT INTO up SELECT i, i, i FROM generate_series(1, 50) i;
  INSERT INTO "T t" SELECT i, i, i, int4range(i, i + 1), i, i FROM generate_series(1, 50) i;
  INSERT INTO kid SELECT i, i FROM generate_series(1, 50) i;
  INSERT INTO p SELECT i % 2 + 1, i, i FROM generate_series(1, 50) i;
  INSERT INTO of_p SELECT i % 2 + 1, i FROM generate_series(1, 50) i)sql";

const std::vector<TableName> k_loaded = {{"public", "up"}, {"public", "T t"}, {"public", "p"}};

// All that can be seen of indexes and constraints.
std::string picture(const TargetDatabase& db) {
  PgSession session(db.conninfo());
  session.exec("SET search_path = ''");
  return session.exec(R"sql(
    SELECT pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident,
           i.indimmediate, ts.spcname, obj_description(i.indexrelid, 'pg_class'),
           (SELECT array_agg(coalesce(a.attstattarget, -1) ORDER BY a.attnum) FROM pg_attribute a
            WHERE a.attrelid = i.indexrelid), c.reloptions,
           (SELECT h.inhparent::regclass FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
    WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1)sql") +
         "\n" + session.exec(R"sql(
    SELECT k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid), k.convalidated,
           k.conindid::regclass, obj_description(k.oid, 'pg_constraint'),
           above.conrelid::regclass, above.conname
    FROM pg_constraint k LEFT JOIN pg_constraint above ON above.oid = k.conparentid
    WHERE k.conrelid <> 0 AND k.connamespace = 'public'::regnamespace
    ORDER BY k.conrelid::regclass::text, k.confrelid::regclass::text, 2, 3)sql");
}

// The lines of each that the other has not.
std::string difference(const std::string& before, const std::string& after) {
  std::multiset<std::string> lines[2];
  for (int side = 0; side < 2; ++side) {
    std::istringstream text(side == 0 ? before : after);
    for (std::string line; std::getline(text, line);) {
      lines[side].insert(line);
    }
  }
  std::string out;
  for (int side = 0; side < 2; ++side) {
    for (const auto& line : lines[side]) {
      if (!lines[1 - side].contains(line)) {
        out += (side == 0 ? "- " : "+ ") + line + "\n";
      }
    }
  }
  return out;
}

std::string secondary(const TargetDatabase& db) {
  return db.exec("SELECT count(*) FROM pg_index i WHERE NOT indisprimary AND indrelid IN "
                 "('up'::regclass, '\"T t\"'::regclass, 'p'::regclass, 'p1'::regclass, "
                 "'p2'::regclass, 'p22'::regclass)") +
         " " +
         db.exec("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0");
}

target::BuildOptions build_options(const TargetDatabase& db) {
  target::BuildOptions options;
  options.connect = {.conninfo = db.conninfo(), .application_name = "pgstride/test", .cancel = {}};
  options.sessions = 3;
  options.lock_timeout = k_patience;
  options.retries = 2;
  options.retry_wait = std::chrono::milliseconds(10);
  return options;
}

struct Steps {
  int failed = 0;
  std::vector<std::string> errors;
  int count = 0;
};

Steps build(const TargetDatabase& db, const std::vector<DeferredObject>& objects) {
  Steps steps;
  steps.failed =
      target::build_deferred(build_options(db), objects, [&](const target::Built& built) {
        ++steps.count;
        if (!built.error.empty() && !built.again) {
          steps.errors.push_back(built.object->name + " " + built.step + ": " + built.error);
        }
      });
  return steps;
}

// Tablespaces belong to the cluster, which the tests share.
void make_schema(const TargetDatabase& db) {
  PgSession session(db.conninfo());
  if (session.exec("SELECT count(*) FROM pg_tablespace WHERE spcname = 'spare'") == "0") {
    session.exec("SET allow_in_place_tablespaces = true");
    session.exec("CREATE TABLESPACE spare LOCATION ''");
  }
  session.exec(k_schema);
}

}  // namespace

TEST_CASE("What is dropped before a load stands as it was after it") {
  TargetDatabase db;
  make_schema(db);
  const auto before = picture(db);
  const auto objects = target::capture_deferred(db.connection(), k_loaded);
  CHECK(secondary(db) != "0 0");
  for (int round = 0; round < 2; ++round) {
    target::drop_deferred(db.connection(), objects, k_patience);
    CHECK(secondary(db) == "0 0");
  }
  for (int round = 0; round < 2; ++round) {
    const auto steps = build(db, objects);
    CHECK(steps.failed == 0);
    CHECK(steps.errors.empty());
    CHECK(difference(before, picture(db)) == "");
  }
}

TEST_CASE("Stopped after any step, what is left to build is built by the next call") {
  TargetDatabase db;
  make_schema(db);
  const auto before = picture(db);
  const auto objects = target::capture_deferred(db.connection(), k_loaded);
  target::drop_deferred(db.connection(), objects, k_patience);
  const auto steps = build(db, objects).count;
  REQUIRE(steps > 20);
  for (int stop_after = 1; stop_after < steps; stop_after += 3) {
    CAPTURE(stop_after);
    target::drop_deferred(db.connection(), objects, k_patience);
    int count = 0;
    CHECK_THROWS_AS(target::build_deferred(build_options(db), objects,
                                           [&](const target::Built&) {
                                             if (++count == stop_after) {
                                               throw std::runtime_error("killed");
                                             }
                                           }),
                    std::runtime_error);
    CHECK(build(db, objects).failed == 0);
    CHECK(difference(before, picture(db)) == "");
  }
}

TEST_CASE("Sessions that are terminated while they build cost another attempt, nothing else") {
  TargetDatabase db;
  make_schema(db);
  const auto before = picture(db);
  const auto objects = target::capture_deferred(db.connection(), k_loaded);
  target::drop_deferred(db.connection(), objects, k_patience);
  PgSession killer(db.conninfo());
  auto options = build_options(db);
  options.retries = 20;
  int steps = 0;
  const int failed = target::build_deferred(options, objects, [&](const target::Built&) {
    if (++steps < 30 && steps % 3 == 0) {
      killer.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                  "current_database() AND application_name = 'pgstride/test'");
    }
  });
  CHECK(failed == 0);
  CHECK(difference(before, picture(db)) == "");
}

TEST_CASE("Rows that break a key fail that key, named; the rest is built") {
  TargetDatabase db;
  make_schema(db);
  const auto objects = target::capture_deferred(db.connection(), k_loaded);
  target::drop_deferred(db.connection(), objects, k_patience);
  db.exec("INSERT INTO up VALUES (51, 1, 'twice'); INSERT INTO kid VALUES (99, 1);"
          "INSERT INTO p VALUES (1, 1, 1), (1, 1, 1)");
  const auto steps = build(db, objects);
  CHECK(steps.failed >= 4);
  const auto told = [&](const std::string& part) {
    return std::any_of(steps.errors.begin(), steps.errors.end(),
                       [&](const std::string& error) { return contains(error, part); });
  };
  CHECK(told("up_u_key build: could not create unique index"));
  CHECK(told("kid_i_fkey validate: insert or update on table \"kid\" violates"));
  CHECK(told("p1_k_v_key build: could not create unique index"));
  CHECK(db.exec("SELECT count(*) FROM pg_class WHERE relname IN ('I i', 'expr', 'br', 'ident')") ==
        "4");
  db.exec("DELETE FROM up WHERE i = 51; DELETE FROM kid WHERE i = 99; DELETE FROM p WHERE (k, v) = "
          "(1, 1)");
  db.exec("INSERT INTO p VALUES (1, 1, 1); DELETE FROM of_p WHERE (k, v) = (1, 1)");
  CHECK(build(db, objects).errors.empty());
}

TEST_CASE("A partition loaded alone keeps the indexes that belong to its parent's") {
  TargetDatabase db;
  make_schema(db);
  const auto objects = target::capture_deferred(db.connection(), {{"public", "p1"}});
  REQUIRE(objects.size() == 1);
  CHECK(objects.front().name == "p1_own");
  CHECK(objects.front().tree == "");
}

TEST_CASE("An index that the load needs is kept, a broken one left alone") {
  TargetDatabase db;
  db.exec("CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (1, 2);"
          "CREATE UNIQUE INDEX needed ON t (b); CREATE INDEX other ON t (a)");
  PgSession session(db.conninfo());
  CHECK(session.sqlstate_of("CREATE UNIQUE INDEX CONCURRENTLY broken ON t (a)") == "23505");
  const auto objects = target::capture_deferred(db.connection(), {{"public", "t"}},
                                                {.primary_keys = false,
                                                 .of_source = false,
                                                 .chosen = {},
                                                 .keep = {{{"public", "t"}, "needed"}}});
  REQUIRE(objects.size() == 1);
  CHECK(objects.front().name == "other");
}

TEST_CASE("Tables of another owner are named before anything is dropped") {
  TargetDatabase db;
  db.exec("CREATE ROLE owner_a LOGIN; CREATE TABLE mine (i int PRIMARY KEY, j int UNIQUE);"
          "ALTER TABLE mine OWNER TO owner_a; CREATE TABLE foreign_kid (i int REFERENCES mine);");
  auto session = db.connect("owner_a");
  CHECK(contains(
      error_of([&] {
        target::capture_deferred(session, {{"public", "mine"}});
      }),
      "may not drop indexes and foreign keys of public.foreign_kid: another role owns them"));
  db.exec("DROP OWNED BY owner_a CASCADE; DROP ROLE owner_a");
}

TEST_CASE("A table that somebody uses is not waited for without end") {
  TargetDatabase db;
  db.exec("CREATE TABLE t (i int); CREATE INDEX i ON t (i)");
  const auto objects = target::capture_deferred(db.connection(), {{"public", "t"}});
  PgSession user(db.conninfo());
  user.exec("BEGIN; SELECT * FROM t");
  try {
    target::drop_deferred(db.connection(), objects, std::chrono::milliseconds(50));
    FAIL("dropped");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::lock);
    CHECK(std::string(error.what()) == "can't drop index \"i\" of public.t: another session has or "
                                       "awaits a lock on the table");
  }
  CHECK_FALSE(db.connection().in_transaction());
}

TEST_CASE("A source's keys are built on a target that has only the tables") {
  TargetDatabase source;
  TargetDatabase target_db;
  make_schema(source);
  target_db.exec("CREATE TABLE up (i int NOT NULL, u int, \"W w\" text);"
                 "CREATE TABLE p (k int, v int, w int) PARTITION BY LIST (k);"
                 "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"
                 "CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2, 3) PARTITION BY LIST (k);"
                 "CREATE TABLE p22 PARTITION OF p2 FOR VALUES IN (2)");
  const auto objects =
      target::capture_deferred(source.connection(), {{"public", "up"}, {"public", "p"}},
                               {.primary_keys = true, .of_source = true, .chosen = {}, .keep = {}});
  CHECK(build(target_db, objects).errors.empty());
  CHECK(target_db.exec("SELECT count(*) FROM pg_index WHERE indisprimary AND indrelid = "
                       "'up'::regclass") == "1");
  CHECK(target_db.exec(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conparentid = 0") == "p_up");
}
