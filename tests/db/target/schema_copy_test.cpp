#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "support/run_program.hpp"
#include "support/temp_cluster.hpp"
#include "target/deferred_build.hpp"
#include "target/pg_programs.hpp"
#include "target/schema_copy.hpp"
#include "target_database.hpp"

using namespace pgstride;
using namespace pgstride::test;
using target::SchemaOptions;

namespace {

constexpr const char* k_schema = R"sql(
  CREATE SCHEMA app; CREATE EXTENSION IF NOT EXISTS plpgsql;
  CREATE TYPE app.mood AS ENUM ('a', 'b'); CREATE DOMAIN app.pos AS int CHECK (VALUE > 0);
  CREATE TYPE app.pair AS (x int, m app.mood);
  CREATE FUNCTION app.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
  CREATE FUNCTION app.of_mood(app.mood, tsvector) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
  CREATE FUNCTION app.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE SEQUENCE app.shared START 7; CREATE COLLATION app.cc FROM "C";
  CREATE TABLE app."T t" (
    id serial PRIMARY KEY, ident int GENERATED ALWAYS AS IDENTITY (START 5), m app.mood DEFAULT 'a',
    p app.pos, pr app.pair, s int DEFAULT nextval('app.shared'), "x|y" int, "a.b" text,
    g int GENERATED ALWAYS AS (app.f(1)) STORED, txt text COLLATE app.cc CHECK (length(txt) > 0),
    CHECK (app.of_mood(m, NULL) > 0), UNIQUE (s, m) DEFERRABLE);
  ALTER TABLE app."T t" ADD CONSTRAINT unchecked CHECK (p > 5) NOT VALID, ALTER p SET STATISTICS 5;
  CREATE TABLE app.u (i int REFERENCES app."T t" ON DELETE CASCADE, whole app."T t");
  CREATE INDEX "odd; index" ON app."T t" (app.f(s)); COMMENT ON INDEX app."odd; index" IS 'x';
  CREATE TRIGGER tr BEFORE INSERT ON app."T t" FOR EACH ROW EXECUTE FUNCTION app.tf();
  COMMENT ON TRIGGER tr ON app."T t" IS 'on it'; ALTER TABLE app."T t" DISABLE TRIGGER tr;
  CREATE RULE r AS ON DELETE TO app."T t" DO INSTEAD NOTHING;
  CREATE STATISTICS app.st ON id, s FROM app."T t"; ALTER TABLE app."T t" ENABLE ROW LEVEL SECURITY;
  CREATE POLICY po ON app."T t" USING (app.f(id) > 0); COMMENT ON TABLE app."T t" IS 'it''s';
  COMMENT ON COLUMN app."T t"."a.b" IS 'c'; ALTER TABLE app."T t" REPLICA IDENTITY FULL;
  CREATE TABLE app.p (k int, id bigserial, PRIMARY KEY (k, id)) PARTITION BY LIST (k);
  CREATE TABLE app.p1 PARTITION OF app.p FOR VALUES IN (1);
  CREATE TABLE app.p2 PARTITION OF app.p FOR VALUES IN (2) PARTITION BY LIST (id);
  CREATE TABLE app.p2x PARTITION OF app.p2 DEFAULT; CREATE INDEX p_i ON app.p (id);
  CREATE TABLE app.par (i int); CREATE TABLE app.kid (j int) INHERITS (app.par))sql";

/// The leaves of a database, or those named, as the planner would give them.
std::vector<Table> leaves(TargetDatabase& db, const std::string& condition = "true") {
  const auto rows = db.connection().exec(R"sql(
    SELECT n.nspname, c.relname, c.oid, coalesce(r.oid, c.oid), coalesce(rn.nspname, n.nspname),
           coalesce(r.relname, c.relname), c.relispartition
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_class r ON r.oid = pg_partition_root(c.oid)
    LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
    WHERE c.relkind = 'r' AND n.nspname = 'app' AND )sql" +
                                         condition);
  std::vector<Table> tables;
  for (int row = 0; row < rows.rows(); ++row) {
    Table table;
    table.leaf_schema = rows.text(row, 0);
    table.leaf_name = rows.text(row, 1);
    table.oid = static_cast<std::uint32_t>(rows.int64(row, 2));
    table.root_oid = static_cast<std::uint32_t>(rows.int64(row, 3));
    table.schema = rows.text(row, 4);
    table.name = rows.text(row, 5);
    table.kind = rows.boolean(row, 6) ? RelationKind::leaf_partition : RelationKind::table;
    tables.push_back(table);
  }
  return tables;
}

std::vector<target::TableName> roots(const std::vector<Table>& tables) {
  std::vector<target::TableName> names;
  for (const auto& table : tables) {
    names.push_back({table.schema, table.name});
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// Without what differs from run to run.
std::string dump_of(const TargetDatabase& db) {
  const auto text = run_or_throw(
      {"pg_dump", "-s", "--no-owner", "--no-privileges", "--no-publications", "-d", db.conninfo()});
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("\\") && !line.starts_with("--")) {
      out += line + "\n";
    }
  }
  return out;
}

// Server builds of other versions come without pg_dump.
bool has_pg_dump(TargetDatabase& db) {
  try {
    target::find_pg_programs("", db.connection().server_version() / 10'000, {});
    return true;
  } catch (const Error&) {
    return false;
  }
}

SchemaOptions options_in(const TempDir& dir) {
  return {.directory = dir.path(),
          .pg_dump = "",
          .application_name = "pgstride/test/schema",
          .target = "1",
          .cancel = {}};
}

void build_all(TargetDatabase& source, TargetDatabase& target, const std::vector<Table>& tables) {
  const auto objects =
      target::capture_deferred(source.connection(), roots(tables),
                               {.primary_keys = true, .of_source = true, .chosen = {}, .keep = {}});
  target::BuildOptions options;
  options.connect = {.conninfo = target.conninfo(), .application_name = "t", .cancel = {}};
  options.sessions = 2;
  CHECK(target::build_deferred(options, objects,
                               [](const target::Built& built) { CHECK(built.error == ""); }) == 0);
}

}  // namespace

TEST_CASE("All tables of a database stand on the target as pg_dump would have made them") {
  TargetDatabase source;
  TargetDatabase target;
  if (!has_pg_dump(source)) {
    return;
  }
  source.exec(k_schema);
  const TempDir dir;
  const auto options = options_in(dir);
  const auto tables = leaves(source);
  target::dump_schema(source.connection(), tables, options);
  auto report =
      target::create_tables(source.connection(), target.connection(), tables, false, options);
  CHECK(report.made);
  CHECK(report.notes.empty());
  CHECK(target.exec("SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
                    "WHERE c.relnamespace = 'app'::regnamespace") == "0");
  CHECK(target.exec("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == "0");
  // An attempt that was killed after it had done it.
  CHECK_FALSE(
      target::create_tables(source.connection(), target.connection(), tables, true, options).made);
  build_all(source, target, tables);
  CHECK(target::create_rest(source.connection(), target.connection(), tables, options).made);
  CHECK(dump_of(target) == dump_of(source));
  target::create_rest(source.connection(), target.connection(), tables, options);
  CHECK(dump_of(target) == dump_of(source));
}

TEST_CASE("Chosen tables come with what they need; the others need not even be readable") {
  TargetDatabase source;
  TargetDatabase target;
  if (!has_pg_dump(source)) {
    return;
  }
  source.exec(k_schema);
  source.exec("CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA app TO reader; GRANT SELECT ON "
              "app.p, app.p1, app.p2, app.p2x, app.kid, app.par TO reader;"
              "CREATE TABLE app.\"odd \"\"(|)$ 'n.*\" (i int); CREATE VIEW app.v AS SELECT 1;"
              "CREATE SCHEMA \"other S\"; CREATE TABLE \"other S\".t (i int)");
  PgSession holder(source.conninfo());
  holder.exec("BEGIN; LOCK TABLE app.u; LOCK TABLE \"other S\".t; LOCK TABLE app.\"odd \"\"(|)$ "
              "'n.*\"");
  const TempDir dir;
  const auto options = options_in(dir);
  const auto tables = leaves(source, "c.relname IN ('p2x', 'kid')");
  auto reader = source.connect("reader");
  target::dump_schema(reader, tables, options);
  target::create_tables(reader, target.connection(), tables, false, options);
  CHECK(target.exec("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class "
                    "WHERE relnamespace = 'app'::regnamespace") == "kid p p2 p2x p_id_seq par");
  CHECK(target.exec("SELECT count(*) FROM pg_type WHERE typname = 'mood'") == "0");
  CHECK(target.exec("INSERT INTO app.p (k) VALUES (2) RETURNING id") == "1");
  source.exec("DROP OWNED BY reader; DROP ROLE reader");
}

TEST_CASE("A table that is there already is named before anything is changed") {
  TargetDatabase source;
  TargetDatabase target;
  if (!has_pg_dump(source)) {
    return;
  }
  source.exec(k_schema);
  target.exec("CREATE SCHEMA app; CREATE TABLE app.u (j int)");
  const TempDir dir;
  const auto options = options_in(dir);
  const auto tables = leaves(source);
  target::dump_schema(source.connection(), tables, options);
  for (const bool again : {false, true}) {
    CHECK(contains(error_of([&] {
                     target::create_tables(source.connection(), target.connection(), tables, again,
                                           options);
                   }),
                   "--create-schema: the target has app.u already"));
    CHECK(target.exec("SELECT count(*) FROM pg_type WHERE typname = 'mood'") == "0");
  }
}

TEST_CASE(
    "Types, functions, sequences and schemas that are there are taken as they are, and told") {
  TargetDatabase source;
  TargetDatabase target;
  if (!has_pg_dump(source)) {
    return;
  }
  source.exec(k_schema);
  target.exec("CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('a', 'b', 'c');"
              "CREATE SEQUENCE app.shared START 99;"
              "CREATE FUNCTION app.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 42'");
  const TempDir dir;
  const auto options = options_in(dir);
  const auto tables = leaves(source);
  target::dump_schema(source.connection(), tables, options);
  const auto report =
      target::create_tables(source.connection(), target.connection(), tables, false, options);
  std::string notes;
  for (const auto& note : report.notes) {
    notes += note + "\n";
  }
  CHECK(notes == "the target has schema app already: it is taken as it is\n"
                 "the target has type app.mood already: it is taken as it is\n"
                 "the target has function app.f(integer) already: it is taken as it is\n"
                 "the target has sequence app.shared already: it is taken as it is\n");
  CHECK(target.exec("SELECT start_value FROM pg_sequences WHERE sequencename = 'shared'") == "99");
}

TEST_CASE("What can't be made leaves nothing behind, and the server's words are told") {
  TargetDatabase source;
  TargetDatabase target;
  if (!has_pg_dump(source)) {
    return;
  }
  source.exec(k_schema);
  // In the way of the sequence of a serial column.
  target.exec("CREATE SCHEMA app; CREATE SEQUENCE app.p_id_seq");
  const TempDir dir;
  const auto options = options_in(dir);
  const auto tables = leaves(source);
  target::dump_schema(source.connection(), tables, options);
  CHECK(contains(error_of([&] {
                   target::create_tables(source.connection(), target.connection(), tables, false,
                                         options);
                 }),
                 "relation \"p_id_seq\" already exists"));
  CHECK(target.exec("SELECT count(*) FROM pg_class WHERE relnamespace = 'app'::regnamespace") ==
        "1");
}

TEST_CASE("An attempt that was killed is taken up, whether it had committed or not") {
  TargetDatabase source;
  TargetDatabase target;
  if (!has_pg_dump(source)) {
    return;
  }
  source.exec(k_schema);
  const TempDir dir;
  auto options = options_in(dir);
  const auto tables = leaves(source);
  target::dump_schema(source.connection(), tables, options);
  const auto real = target::find_pg_programs("", source.connection().server_version() / 10'000, {});
  std::filesystem::create_directory(dir / "bin");
  const auto script = [&](const std::string& name, const std::string& text) {
    write_text(dir / "bin" / name, "#!/bin/sh\n" + text + "\n");
    std::filesystem::permissions(dir / "bin" / name, std::filesystem::perms::owner_all);
  };
  options.pg_dump = (dir / "bin").string();
  script("pg_dump", "exec " + real.pg_dump + " \"$@\"");
  const auto attempt = [&](bool again) {
    return target::create_tables(source.connection(), target.connection(), tables, again, options);
  };
  const std::string listing =
      "case \"$*\" in *--list*|*--version) exec " + real.pg_restore + " \"$@\";; esac; ";
  script("pg_restore", listing + "kill -9 $$");
  CHECK(contains(error_of([&] { attempt(false); }), "ended by signal 9"));
  CHECK(target.exec("SELECT count(*) FROM pg_namespace WHERE nspname = 'app'") == "0");
  script("pg_restore", listing + real.pg_restore + " \"$@\"; kill -9 $$");
  CHECK(contains(error_of([&] { attempt(true); }), "ended by signal 9"));
  CHECK(target.exec("SELECT count(*) FROM pg_namespace WHERE nspname = 'app'") == "1");
  CHECK_FALSE(attempt(true).made);
}

TEST_CASE("A view is no table to be made") {
  TargetDatabase source;
  source.exec("CREATE VIEW v AS SELECT 1 AS i");
  Table view;
  view.leaf_schema = view.schema = "public";
  view.leaf_name = view.name = "v";
  view.kind = RelationKind::view;
  const TempDir dir;
  CHECK(
      contains(error_of([&] { target::dump_schema(source.connection(), {view}, options_in(dir)); }),
               "can't make a table of public.v"));
}

TEST_CASE("The password reaches the programs, but not their command lines") {
  TempCluster cluster({.hba = {"local all keeper scram-sha-256"}});
  cluster.exec("CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 's3cret word'");
  cluster.exec("CREATE DATABASE a");
  cluster.exec("CREATE DATABASE b");
  cluster.exec("CREATE SCHEMA app; CREATE TABLE app.t (i int)", "a");
  const auto connect = [&](const std::string& database) {
    return pg::Connection(
        {.conninfo = cluster.conninfo(database, "keeper") + " password='s3cret word'",
         .application_name = "pgstride/test",
         .cancel = {}});
  };
  auto source = connect("a");
  auto target = connect("b");
  Table table;
  table.leaf_schema = table.schema = "app";
  table.leaf_name = table.name = "t";
  table.oid = table.root_oid =
      static_cast<std::uint32_t>(source.exec("SELECT 'app.t'::regclass::oid").int64(0, 0));
  const TempDir dir;
  auto options = options_in(dir);
  target::PgPrograms real;
  try {
    real = target::find_pg_programs("", source.server_version() / 10'000, {});
  } catch (const Error&) {
    return;
  }
  // Programs that write down how they were called.
  std::filesystem::create_directory(dir / "bin");
  for (const auto& [name, path] :
       {std::pair{"pg_dump", real.pg_dump}, {"pg_restore", real.pg_restore}}) {
    const auto script = dir / "bin" / name;
    write_text(script, "#!/bin/sh\necho \"$0 $@\" >>'" + (dir / "calls").string() + "'\nexec " +
                           path + " \"$@\"\n");
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  }
  options.pg_dump = (dir / "bin").string();
  target::dump_schema(source, {table}, options);
  target::create_tables(source, target, {table}, false, options);
  CHECK(target.exec("SELECT 'app.t'::regclass").text(0, 0) == "app.t");
  const auto calls = read_text(dir / "calls");
  CHECK(contains(calls, "--schema-only"));
  CHECK(contains(calls, "--single-transaction"));
  CHECK_FALSE(contains(calls, "s3cret"));
}
