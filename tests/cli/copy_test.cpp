// What users see of `pgstride copy`.
#include <doctest/doctest.h>

#include <algorithm>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

using namespace pgstride::test;

namespace {

bool says(const Ended& ended, const std::string& text) {
  return ended.err.find(text) != std::string::npos;
}

/// A job between two new databases, with directory and all.
struct Fixture {
  std::string source_name = cli_cluster().create_database("from");
  std::vector<std::string> target_names;
  PgSession source = cli_cluster().session(source_name);
  TempDir dir;
  CopyJob job;

  explicit Fixture(const std::string& source_sql, const std::string& target_sql, int targets = 1) {
    source.exec(source_sql);
    job.source = cli_cluster().conninfo(source_name);
    job.directory = dir / "job";
    for (int i = 0; i < targets; ++i) {
      target_names.push_back(cli_cluster().create_database("into"));
      job.targets.push_back(cli_cluster().conninfo(target_names.back()));
      pg_exec(job.targets.back(), target_sql);
    }
  }

  [[nodiscard]] std::string in_target(const std::string& sql, std::size_t target = 0) const {
    return pg_exec(job.targets.at(target), sql);
  }

  // With plain progress, for what is told on the way.
  [[nodiscard]] Ended run_plain(const std::vector<std::string>& more = {}) const {
    auto command = job.copy_command(more);
    *std::find(command.begin(), command.end(), "none") = "plain";
    return run(command);
  }

  // Refused before anything: exit code 2, a hint, no directory, no ledger.
  void check_refused(const Ended& ended) const {
    INFO(ended.text());
    CHECK(ended.code == 2);
    CHECK(says(ended, "HINT:"));
    CHECK_FALSE(std::filesystem::exists(job.directory));
    for (const auto& target : job.targets) {
      CHECK(pg_exec(target, "SELECT to_regnamespace('pgstride')") == "");
    }
  }
};

const std::string k_items = "CREATE TABLE items (id bigint PRIMARY KEY, note text);";
const std::string k_filled =
    k_items + "INSERT INTO items SELECT i, md5(i::text) FROM generate_series(1, 1000) i;";
// No key, so that a resume must load the table again whole.
const std::string k_loose = "CREATE TABLE loose (a int, note text);";
const std::string k_loose_filled =
    k_loose + "INSERT INTO loose SELECT i % 7, repeat('z', 300) FROM generate_series(1, 2000) i;";

std::string digest(const std::string& conninfo, const std::string& table) {
  return pg_exec(conninfo,
                 "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM " + table + " t");
}

}  // namespace

TEST_CASE("copy refuses a target that is the source, and two that are one") {
  Fixture f(k_filled, k_items);
  const auto targets = f.job.targets;
  f.job.targets = {f.job.source};
  auto ended = f.job.run_copy();
  CHECK(says(ended, "--target is the source itself"));
  f.check_refused(ended);
  f.job.targets = {targets[0], targets[0] + " connect_timeout=9"};
  ended = f.job.run_copy();
  CHECK(says(ended, "two --target name the same database"));
  f.check_refused(ended);
}

TEST_CASE("All that does not fit on the target is named before anything is changed") {
  Fixture f(k_filled + "CREATE TABLE absent (i int); CREATE TABLE absent_too (i int);"
                       "CREATE TABLE other_types (i int, p point, more text)",
            k_items + "INSERT INTO items VALUES (1, 'kept');"
                      "CREATE TABLE other_types (i int, p int, needed int NOT NULL)");
  const auto ended = f.job.run_copy();
  f.check_refused(run(f.job.copy_command({"--truncate"})));
  for (const auto* what : {"public.absent", "public.absent_too", "\"p\" of public.other_types",
                           "\"more\"", "\"needed\""}) {
    CAPTURE(what);
    CHECK(says(ended, what));
  }
  CHECK(f.in_target("SELECT note FROM items") == "kept");
}

TEST_CASE("Types that differ are told, and take what they understand") {
  Fixture f("CREATE TABLE t (a int, b text, c numeric(10,4));"
            "INSERT INTO t VALUES (1, '17', 1.2345)",
            "CREATE TABLE t (a bigint, b int, c numeric(10,2))");
  const auto ended = f.run_plain();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(says(ended, "column \"b\" of public.t is of type text in the source and integer"));
  CHECK(says(ended, "values with more decimals are rounded"));
  CHECK(f.in_target("TABLE t") == "1|17|1.23");
  Fixture bad("CREATE TABLE t (b text); INSERT INTO t VALUES ('word')", "CREATE TABLE t (b int)");
  const auto failed = bad.job.run_copy();
  INFO(failed.text());
  CHECK(failed.code == 1);
  CHECK(says(failed, "invalid input syntax for type integer: \"word\""));
  CHECK(says(failed, "line 1, column b"));
}

TEST_CASE("Generated columns are left out, identities keep their values, sequences follow") {
  const std::string tables = R"(
    CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, n serial,
                    twice int GENERATED ALWAYS AS (id * 2) STORED, v text);)";
  Fixture f(tables + "INSERT INTO t (v) SELECT 'v' FROM generate_series(1, 50);"
                     "DELETE FROM t WHERE id < 10",
            tables);
  const auto ended = f.job.run_copy();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(digest(f.job.targets[0], "t") == digest(f.job.source, "t"));
  CHECK(f.in_target("INSERT INTO t (v) VALUES ('next') RETURNING id, n, twice") == "51|51|102");
}

TEST_CASE("Names that need quotes, and --map") {
  const std::string odd =
      R"(CREATE SCHEMA "a.b c"; CREATE TABLE "a.b c"."T ""x"" %é" ("i d" int);)";
  Fixture f(odd + R"(INSERT INTO "a.b c"."T ""x"" %é" SELECT generate_series(1, 100);)" + k_filled,
            odd + "CREATE SCHEMA there; CREATE TABLE there.things (note text, id bigint)");
  const auto ended = run(f.job.copy_command({"--map", "items=there.things"}));
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(f.in_target(R"(SELECT count(DISTINCT "i d") FROM "a.b c"."T ""x"" %é")") == "100");
  CHECK(f.in_target("SELECT count(*), sum(hashtext(note)) FROM there.things") ==
        f.source.exec("SELECT count(*), sum(hashtext(note)) FROM items"));
}

TEST_CASE("Two tables that --map brings into one are refused") {
  Fixture f(k_filled + "CREATE TABLE more (id bigint, note text)", k_items);
  const auto ended = run(f.job.copy_command({"--map", "more=items"}));
  CHECK(says(ended, "public.items and public.more"));
  f.check_refused(ended);
}

TEST_CASE(
    "An entry of --map that names no table of the job is refused, and nothing is left behind") {
  Fixture f(k_filled, k_items);
  const auto ended = run(f.job.copy_command({"--map", "nope=items"}));
  CHECK(says(ended, "--map nope=items: no such table is chosen"));
  f.check_refused(ended);
}

TEST_CASE("--truncate empties the target's tables once, not what is attached to them") {
  Fixture f(k_filled,
            k_items +
                "CREATE TABLE others () INHERITS (items); INSERT INTO items VALUES (7, 'old');"
                " INSERT INTO others VALUES (9, 'kept')");
  f.job.options = {"--chunk-rows", "100", "-j", "1", "--truncate"};
  REQUIRE(run(f.job.copy_command({"--max-chunks", "3"})).code == 3);
  const auto ended = f.job.run_resume();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(digest(f.job.targets[0], "ONLY items") == digest(f.job.source, "ONLY items"));
  CHECK(f.in_target("SELECT note FROM others") == "kept");
}

TEST_CASE("A child by inheritance is not poured into its parent") {
  Fixture f(k_filled + "CREATE TABLE child () INHERITS (items)",
            k_items + "CREATE TABLE child () INHERITS (items)");
  const auto ended = f.job.run_copy();
  CHECK(says(ended, "public.child inherits from public.items"));
  f.check_refused(ended);
  CHECK(run(f.job.copy_command({"-T", "child"})).code == 0);
}

TEST_CASE("A table that held rows keeps them, and is never emptied to load it again") {
  Fixture f(k_loose_filled + k_filled,
            k_loose + k_items + "INSERT INTO loose VALUES (99, 'theirs')");
  f.job.options = {"--chunk-rows", "100", "-j", "1", "--mode", "copy"};
  REQUIRE(run(f.job.copy_command({"--max-chunks", "3"})).code == 3);
  const auto loaded = f.in_target("SELECT count(*) FROM loose");
  const auto ended = f.job.run_resume();
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(says(ended, "table public.loose can't be copied again whole, as target 1 held rows"));
  CHECK(f.in_target("SELECT count(*) FROM loose WHERE a = 99") == "1");
  CHECK(f.in_target("SELECT count(*) FROM loose") == loaded);  // nothing is given up
  CHECK(digest(f.job.targets[0], "items") == digest(f.job.source, "items"));
  const auto restarted = run(f.job.copy_command({"--restart", "--yes"}));
  INFO(restarted.text());
  CHECK(restarted.code == 2);
  CHECK(says(restarted, "--restart can't take out"));
  CHECK(digest(f.job.targets[0], "items") == digest(f.job.source, "items"));

  const auto fuzzy = f.job.run_resume({"--consistency", "fuzzy"});
  INFO(fuzzy.text());
  CHECK(fuzzy.code == 0);
  CHECK(f.in_target("SELECT count(*) FROM loose WHERE a <> 99") == "2000");

  Fixture whole(k_loose_filled, k_loose + "INSERT INTO loose VALUES (99, 'theirs')");
  whole.job.options.insert(whole.job.options.end(), {"--mode", "copy"});
  REQUIRE(whole.job.run_copy().code == 0);
  CHECK(whole.in_target("SELECT count(*) FROM loose") == "2001");
}

TEST_CASE("A trigger that drops rows is an error, --disable-triggers goes round it") {
  const std::string dropping = k_items + R"(
    CREATE FUNCTION pick() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN IF new.id % 2 = 0 THEN RETURN NULL; END IF; RETURN new; END';
    CREATE TRIGGER pick BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION pick())";
  Fixture f(k_filled, dropping);
  const auto ended = f.job.run_copy();
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(says(ended, "a trigger or a rule there drops some"));
  CHECK(f.in_target("SELECT count(*) FROM items") == "0");
  Fixture off(k_filled, dropping);
  REQUIRE(run(off.job.copy_command({"--disable-triggers"})).code == 0);
  CHECK(off.in_target("SELECT count(*) FROM items") == "1000");
}

TEST_CASE("A role that may not make the ledger is told how to get it") {
  Fixture f(k_filled, k_items + "GRANT ALL ON items TO nobody");
  f.job.targets = {cli_cluster().conninfo(f.target_names[0], "nobody")};
  const auto ended = f.job.run_copy();
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(says(ended, "may not make the ledger (schema pgstride)"));
  CHECK(says(ended, "GRANT CREATE ON DATABASE"));
  CHECK(says(ended, "--ledger no"));
}

TEST_CASE("A role that may not make a schema copies without a ledger") {
  Fixture f(k_filled, k_items + "GRANT ALL ON items TO nobody");
  f.job.targets = {cli_cluster().conninfo(f.target_names[0], "nobody")};
  f.job.options.insert(f.job.options.end(), {"--ledger", "no"});
  const auto ended = f.job.run_copy();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(says(ended, "without a ledger nothing keeps a copy of the job's directory"));
  CHECK(f.in_target("SELECT count(*) FROM items") == "1000");
  CHECK(f.in_target("SELECT to_regnamespace('pgstride')") == "");
  CHECK(f.job.status().at("ledger") == false);
}

TEST_CASE("One of two targets down: the other is filled, a resume fills it alone") {
  Fixture f(k_loose_filled + k_filled, k_loose + k_items, 2);
  f.job.options = {"--chunk-rows", "100", "-j", "2", "--retries", "1"};
  REQUIRE(run(f.job.copy_command({"--max-chunks", "4"})).code == 3);
  cli_cluster().exec("ALTER DATABASE " + f.target_names[1] + " ALLOW_CONNECTIONS false");
  const auto ended = f.job.run_resume({"--retries", "1"});
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(says(ended, "target 2"));
  for (const auto* table : {"loose", "items"}) {
    CHECK(digest(f.job.targets[0], table) == digest(f.job.source, table));
  }
  CHECK(f.job.status()["state"] == "failed");
  const auto first = f.in_target("SELECT array_agg(pg_relation_filenode(oid) ORDER BY oid),"
                                 " (SELECT min(xmin::text) || max(xmin::text) FROM loose)"
                                 " FROM pg_class WHERE relname IN ('loose', 'items')");
  cli_cluster().exec("ALTER DATABASE " + f.target_names[1] + " ALLOW_CONNECTIONS true");
  const auto resumed = f.job.run_resume();
  INFO(resumed.text());
  CHECK(resumed.code == 0);
  CHECK(joined(check_copy(f.job)) == "");
  CHECK(first == f.in_target("SELECT array_agg(pg_relation_filenode(oid) ORDER BY oid),"
                             " (SELECT min(xmin::text) || max(xmin::text) FROM loose)"
                             " FROM pg_class WHERE relname IN ('loose', 'items')"));
}

TEST_CASE("resume takes the job's own targets only, the same command all of them") {
  Fixture f(k_filled, k_items);
  f.job.options = {"--chunk-rows", "100", "--max-chunks", "3"};
  REQUIRE(f.job.run_copy().code == 3);
  const auto other = cli_cluster().create_database("other");
  auto ended = f.job.run_resume({"--target", cli_cluster().conninfo(other)});
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(says(ended, "none of the job's"));
  f.job.targets.push_back(cli_cluster().conninfo(other));
  CHECK(f.job.run_copy().code != 0);
  f.job.targets.pop_back();
  ended = f.job.run_resume({"--target", f.job.targets[0], "--max-chunks", "100"});
  CHECK(ended.code == 0);
  f.job.kinds = {};
  CHECK(joined(check_copy(f.job)) == "");
}

TEST_CASE("--restart empties what the job loaded and begins anew") {
  Fixture f(k_loose_filled, k_loose);
  f.job.options = {"--chunk-rows", "100", "-j", "1"};
  REQUIRE(run(f.job.copy_command({"--max-chunks", "5"})).code == 3);
  f.source.exec("DELETE FROM loose WHERE a = 3");
  const auto ended = run(f.job.copy_command({"--restart", "--yes"}));
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(digest(f.job.targets[0], "loose") == digest(f.job.source, "loose"));
}

TEST_CASE("--restart of a job that is done asks for --truncate: nobody knows its rows any more") {
  Fixture f(k_loose_filled, k_loose);
  REQUIRE(f.job.run_copy().code == 0);
  const auto refused = run(f.job.copy_command({"--restart", "--yes"}));
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "public.loose"));
  CHECK(says(refused, "--truncate"));
  CHECK(f.job.status()["state"] == "done");
  const auto ended = run(f.job.copy_command({"--restart", "--yes", "--truncate"}));
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(digest(f.job.targets[0], "loose") == digest(f.job.source, "loose"));
}

TEST_CASE("--restart that must refuse one target leaves the other as it was") {
  Fixture f(k_loose_filled, k_loose, 2);
  (void)f.in_target("INSERT INTO loose VALUES (99, 'theirs')", 1);
  f.job.options = {"--chunk-rows", "100", "-j", "1", "--mode", "copy"};
  REQUIRE(run(f.job.copy_command({"--max-chunks", "5"})).code == 3);
  const auto before = digest(f.job.targets[0], "loose");
  const auto refused = run(f.job.copy_command({"--restart", "--yes"}));
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(digest(f.job.targets[0], "loose") == before);
}

TEST_CASE("The status of a copy, and the same command once it is done") {
  Fixture f(k_filled, k_items, 2);
  f.job.options = {"--chunk-rows", "100"};
  REQUIRE(run(f.job.copy_command({"--max-chunks", "3"})).code == 3);
  auto status = f.job.status(true);
  CHECK(status["verb"] == "copy");
  CHECK(status["state"] == "paused");
  CHECK(status["chunks"]["done"] == 6);
  CHECK(status["chunks"]["total"] == 20);
  CHECK(status["chunk_list"].size() == 20);
  CHECK(status["chunk_list"][1]["target"] == 2);
  REQUIRE(f.job.run_resume().code == 0);
  status = f.job.status();
  CHECK(status["state"] == "done");
  CHECK(status["rows"] == 2000);
  const auto text = run(program({"status", f.job.directory}));
  INFO(text.text());
  CHECK(text.out.find("done") != std::string::npos);
  CHECK(f.job.run_copy().code == 0);
  CHECK(f.in_target("SELECT count(*) FROM items") == "1000");
}

TEST_CASE("A foreign key that refers to a table to be loaded again fails that table alone") {
  const std::string tables = "CREATE TABLE a (id int UNIQUE, note text);"
                             "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a (id));";
  Fixture f(tables + "INSERT INTO a SELECT i, repeat('n', 500) FROM generate_series(1, 1000) i;"
                     "INSERT INTO b SELECT i, NULL FROM generate_series(1, 1000) i",
            tables);
  f.job.options = {"--chunk-rows", "100", "-j", "1"};
  REQUIRE(run(f.job.copy_command({"--max-chunks", "3"})).code == 3);
  (void)f.in_target("CREATE TABLE c (a int REFERENCES a (id)); INSERT INTO c VALUES (NULL)");
  const auto ended = f.job.run_resume();
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(says(ended, "foreign key"));
  CHECK(digest(f.job.targets[0], "b") == digest(f.job.source, "b"));
  (void)f.in_target("DROP TABLE c; ALTER TABLE b DROP CONSTRAINT b_a_fkey");
  const auto resumed = f.job.run_resume();
  INFO(resumed.text());
  CHECK(resumed.code == 0);
  CHECK(digest(f.job.targets[0], "a") == digest(f.job.source, "a"));
}
