// What users see of --mode, --on-conflict and --touch.
#include <doctest/doctest.h>

#include <algorithm>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

using namespace pgstride::test;

namespace {

bool says(const Ended& ended, const std::string& text) {
  return ended.text().find(text) != std::string::npos;
}

const std::string k_items =
    "CREATE TABLE items (id bigint PRIMARY KEY, note text, at timestamptz);";
// 1000 rows, of which the target has 900 to 1100 with other notes.
const std::string k_source = k_items +
                             "INSERT INTO items SELECT i, 'new ' || i, '2020-01-01 UTC' FROM "
                             "generate_series(1, 1000) i;";
const std::string k_target = k_items +
                             "INSERT INTO items SELECT i, 'old ' || i, '2010-01-01 UTC' FROM "
                             "generate_series(901, 1100) i;";

/// A copy between two new databases.
struct Modes {
  std::string source_name = cli_cluster().create_database("from");
  std::string target_name = cli_cluster().create_database("into");
  TempDir dir;
  CopyJob job;

  explicit Modes(const std::string& source_sql = k_source,
                 const std::string& target_sql = k_target) {
    job.source = cli_cluster().conninfo(source_name);
    job.targets = {cli_cluster().conninfo(target_name)};
    job.directory = dir / "job";
    job.options = {"--chunk-rows", "300", "-j", "2", "--batch-rows", "120"};
    pg_exec(job.source, source_sql);
    pg_exec(job.targets[0], target_sql);
  }

  [[nodiscard]] Ended copy(const std::vector<std::string>& more) const {
    auto command = job.copy_command(more);
    *std::find(command.begin(), command.end(), "none") = "json";
    return run(command);
  }
  [[nodiscard]] std::string there(const std::string& sql) const {
    return pg_exec(job.targets[0], sql);
  }
  // Of the line of job_done.
  static Json done(const Ended& ended) {
    const auto begin = ended.out.find(R"({"event":"job_done")");
    REQUIRE(begin != std::string::npos);
    return Json::parse(ended.out.substr(begin, ended.out.find('\n', begin) - begin));
  }

  void check_refused(const std::vector<std::string>& options, const std::string& why) const {
    CAPTURE(why);
    const auto before = there("SELECT count(*), sum(hashtext(i::text)) FROM items i");
    const auto ended = copy(options);
    INFO(ended.text());
    CHECK(ended.code == 2);
    CHECK(says(ended, why));
    CHECK_FALSE(std::filesystem::exists(job.directory));
    CHECK(there("SELECT to_regnamespace('pgstride')") == "");
    CHECK(there("SELECT count(*), sum(hashtext(i::text)) FROM items i") == before);
  }
};

const std::string k_counts = "SELECT count(*), count(*) FILTER (WHERE note LIKE 'new%') FROM items";

}  // namespace

TEST_CASE("Every mode and conflict strategy does with rows of one key what it says") {
  struct Case {
    std::vector<std::string> options;
    int code;
    std::string rows;  ///< on the target, and those of the source among them
    int written, ignored, rejected;
  };
  const std::vector<Case> cases = {
      {{}, 0, "1100|1000", 1000, 0, 0},  // auto: the target holds rows
      {{"--mode", "upsert"}, 0, "1100|1000", 1000, 0, 0},
      {{"--on-conflict", "replace"}, 0, "1100|1000", 1000, 0, 0},
      {{"--on-conflict", "ignore"}, 0, "1100|900", 900, 100, 0},
      {{"--on-conflict", "skip"}, 6, "1100|900", 900, 0, 100},
      {{"--mode", "upsert", "--on-conflict", "ignore"}, 0, "1100|900", 900, 100, 0},
      {{"--mode", "upsert", "--on-conflict", "skip"}, 6, "1100|900", 900, 0, 100},
      {{"--mode", "insert", "--on-conflict", "ignore"}, 0, "1100|900", 900, 100, 0},
      {{"--mode", "insert", "--on-conflict", "replace"}, 0, "1100|1000", 1000, 0, 0},
      {{"--mode", "insert", "--on-conflict", "skip"}, 6, "1100|900", 900, 0, 100},
      {{"--mode", "insert", "--truncate"}, 0, "1000|1000", 1000, 0, 0},
      {{"--truncate"}, 0, "1000|1000", 1000, 0, 0},
  };
  for (const auto& [options, code, rows, written, ignored, rejected] : cases) {
    std::string name;
    for (const auto& option : options) {
      name += option + " ";
    }
    CAPTURE(name);
    Modes f;
    const auto ended = f.copy(options);
    INFO(ended.text());
    REQUIRE(ended.code == code);
    CHECK(f.there(k_counts) == rows);
    const auto done = Modes::done(ended);
    CHECK(done["rows"] == written);
    CHECK(done["ignored"] == ignored);
    CHECK(done["superseded"] == 0);
    CHECK(done["rejected"] == rejected);
    CHECK(f.job.status()["tables"][0]["rejected"] == rejected);
    CHECK(f.there("SELECT to_regnamespace('pgstride')") == "");
  }
}

TEST_CASE("insert and copy fail a chunk on the first conflict, with nothing of it loaded") {
  for (const std::string mode : {"insert", "copy"}) {
    CAPTURE(mode);
    Modes f;
    const auto ended = f.copy({"--mode", mode});
    INFO(ended.text());
    CHECK(ended.code == 1);
    CHECK(says(ended, "duplicate key value violates unique constraint"));
    CHECK(
        f.there("SELECT count(*) FROM items WHERE id BETWEEN 901 AND 1000 AND note LIKE 'new%'") ==
        "0");
  }
}

TEST_CASE("auto copies into a table that holds nothing, and stays with it on a resume") {
  Modes f(k_source, k_items);
  f.job.options = {"--chunk-rows", "100", "-j", "1"};
  REQUIRE(f.copy({"--max-chunks", "3"}).code == 3);
  const auto ended = f.job.run_resume();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(f.there(k_counts) == "1000|1000");
}

TEST_CASE("An upsert run twice gives the same table") {
  Modes f;
  REQUIRE(f.copy({"--mode", "upsert"}).code == 0);
  const auto first = f.there("SELECT count(*), sum(hashtextextended(i::text, 0)) FROM items i");
  f.job.directory = f.dir / "again";
  REQUIRE(f.copy({"--mode", "upsert"}).code == 0);
  CHECK(f.there("SELECT count(*), sum(hashtextextended(i::text, 0)) FROM items i") == first);
}

TEST_CASE("Of rows with one key in a batch the later wins, counted, by --key too") {
  const std::string keyless = "CREATE TABLE items (id bigint, place int, note text);";
  for (const std::string mode : {"upsert", "insert"}) {
    CAPTURE(mode);
    Modes f(keyless + "INSERT INTO items SELECT i % 100, i, 'new ' || i FROM "
                      "generate_series(1, 1000) i;",
            keyless + "ALTER TABLE items ADD UNIQUE (id)");
    f.job.options = {"--split", "none", "-j", "1"};
    const auto ended = f.copy({"--mode", mode, "--on-conflict", "replace"});
    INFO(ended.text());
    REQUIRE(ended.code == 0);
    CHECK(f.there("SELECT count(*), min(place), max(place) FROM items") == "100|901|1000");
    CHECK(Modes::done(ended)["superseded"] == 900);
    CHECK(Modes::done(ended)["rows"] == 100);
  }
}

TEST_CASE("Rows of others stay, though an upsert wrote its own rows several times") {
  const std::string keyless = "CREATE TABLE items (id bigint, note text);";
  for (const std::string mode : {"upsert", "insert"}) {
    CAPTURE(mode);
    const Modes f(keyless + "INSERT INTO items SELECT i % 200, 'new ' || i FROM "
                            "generate_series(1, 3000) i;",
                  keyless + "ALTER TABLE items ADD PRIMARY KEY (id)");
    const std::vector<std::string> options = {"--mode", mode, "--on-conflict", "replace"};
    auto some = options;
    some.insert(some.end(), {"--max-chunks", "4"});
    REQUIRE(f.copy(some).code == 3);
    (void)f.there("INSERT INTO items SELECT i, 'theirs' FROM generate_series(10001, 10050) i");
    const auto resumed = f.job.run_resume();
    INFO(resumed.text());
    CHECK(resumed.code == 1);
    CHECK(says(resumed, "it holds 50 rows that are not known to be the job's"));
    auto anew = options;
    anew.insert(anew.end(), {"--restart", "--yes"});
    const auto restarted = f.copy(anew);
    INFO(restarted.text());
    CHECK(restarted.code == 2);
    CHECK(says(restarted, "--restart can't take out"));
    CHECK(f.there("SELECT count(*) FROM items WHERE note = 'theirs'") == "50");
    (void)f.there("DELETE FROM items WHERE note = 'theirs'");
    const auto done = f.job.run_resume();
    INFO(done.text());
    REQUIRE(done.code == 0);
    CHECK(f.there("SELECT count(*) FROM items") == "200");
  }
}

TEST_CASE("A partitioned table that is upserted is not emptied, as its rows can't be counted") {
  const std::string keyless = "CREATE TABLE items (id bigint, note text);";
  const Modes f(keyless +
                    "INSERT INTO items SELECT i, 'new ' || i FROM generate_series(1, 3000) i;",
                "CREATE TABLE items (id bigint PRIMARY KEY, note text) PARTITION BY RANGE (id);"
                "CREATE TABLE items_low PARTITION OF items FOR VALUES FROM (0) TO (1000);"
                "CREATE TABLE items_high PARTITION OF items DEFAULT");
  REQUIRE(f.copy({"--mode", "upsert", "--max-chunks", "2"}).code == 3);
  const auto before = f.there("SELECT count(*) FROM items");
  const auto resumed = f.job.run_resume();
  INFO(resumed.text());
  CHECK(resumed.code == 1);
  CHECK(says(resumed, "rows that are not known to be the job's"));
  CHECK(f.there("SELECT count(*) FROM items") == before);
}

TEST_CASE("--touch sets now(), whatever the source says") {
  Modes f;
  auto ended = f.copy({"--touch", "at"});
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(f.there("SELECT count(*) FROM items WHERE at > now() - interval '1 hour'") == "1000");
  Modes empty(k_source, k_items);  // auto: nothing is there, but COPY can't set it
  ended = empty.copy({"--touch", "at"});
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(empty.there("SELECT count(*) FROM items WHERE at > now() - interval '1 hour'") == "1000");
}

TEST_CASE("What can't work is refused before anything is changed") {
  const Modes f;
  f.check_refused({"--mode", "copy", "--on-conflict", "ignore"}, "--on-conflict");
  f.check_refused({"--mode", "copy", "--touch", "at"}, "--touch");
  f.check_refused({"--mode", "upsert", "--on-conflict", "error"}, "--on-conflict error");
  f.check_refused({"--on-conflict", "error", "--mode", "upsert"}, "--on-conflict error");
  f.check_refused({"--create-schema", "--mode", "upsert"}, "--create-schema");
  f.check_refused({"--mode", "merge"}, "--mode");
  f.check_refused({"--on-conflict", "keep"}, "--on-conflict");
  f.check_refused({"--mode", "upsert", "--touch", "absent"}, "no column \"absent\"");
  f.check_refused({"--mode", "upsert", "--touch", "id"}, "belongs to the key");
  f.check_refused({"--batch-rows", "0"}, "--batch-rows");
  f.check_refused({"--reject-limit", "-1"}, "--reject-limit");

  const std::string keyless = "CREATE TABLE items (id bigint, note text);";
  const Modes loose(keyless, keyless + "INSERT INTO items VALUES (1, 'theirs')");
  for (const std::string strategy : {"replace", "skip"}) {
    loose.check_refused({"--mode", "upsert", "--on-conflict", strategy}, "no unique key");
    loose.check_refused({"--mode", "insert", "--on-conflict", strategy}, "no unique key");
  }
  loose.check_refused({"--mode", "upsert"}, "public.items has no unique key");
  loose.check_refused({}, "public.items holds rows already");
  CHECK(loose.copy({"--mode", "copy"}).code == 0);
}

TEST_CASE("A statement time-out halves batches until they pass") {
  // Each row takes 2 ms on the target, so that 100 take less than the limit and 300 more.
  const std::string slow = k_items + R"(
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_sleep(0.002); RETURN new; END';
    CREATE TRIGGER slow BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION slow())";
  Modes f(k_source, slow);
  f.job.options = {"--split", "none", "-j", "1", "--batch-rows", "1000", "--min-batch-rows", "10"};
  f.job.run_options = {"--statement-timeout", "500ms"};
  const auto ended = f.copy({"--mode", "upsert"});
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(f.there(k_counts) == "1000|1000");
  Modes least(k_source, slow);
  least.job.options = {"--split",          "none", "-j",        "1", "--batch-rows", "1000",
                       "--min-batch-rows", "1000", "--retries", "0"};
  least.job.run_options = {"--statement-timeout", "500ms"};
  const auto failed = least.copy({"--mode", "upsert"});
  INFO(failed.text());
  CHECK(failed.code == 1);
  CHECK(says(failed, "statement timeout"));
}

TEST_CASE("One target is copied into, the other holds rows and is upserted, in one job") {
  Modes f(k_source, k_items);
  const auto other = cli_cluster().create_database("into");
  f.job.targets.push_back(cli_cluster().conninfo(other));
  pg_exec(f.job.targets[1], k_target);
  const auto ended = f.copy({});
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(f.there(k_counts) == "1000|1000");
  CHECK(pg_exec(f.job.targets[1], k_counts) == "1100|1000");
}

TEST_CASE("--defer-indexes leaves the unique index that an upsert needs") {
  const std::string by_note =
      "CREATE TABLE items (id bigint, note text UNIQUE); CREATE INDEX other ON "
      "items (id);";
  Modes f(by_note + "INSERT INTO items SELECT i, 'n' || i FROM generate_series(1, 1000) i",
          by_note + "INSERT INTO items VALUES (7, 'n1000')");
  const auto ended = f.copy({"--mode", "upsert", "--defer-indexes"});
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(f.there("SELECT count(*), max(id) FROM items") == "1000|1000");
  CHECK(f.there("SELECT count(*) FROM pg_indexes WHERE tablename = 'items'") == "2");
}

TEST_CASE("verify says plainly what it can't compare, and still counts") {
  Modes f;
  REQUIRE(f.copy({"--touch", "at"}).code == 0);
  const auto verify = [&] { return run(program({"verify", f.job.directory.string()})); };
  auto ended = verify();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(says(ended, "it held rows before the job; only that it has no fewer rows than came"));
  (void)f.there("DELETE FROM items WHERE id % 5 = 0");
  CHECK(verify().code == 4);

  Modes empty(k_source, k_items);
  REQUIRE(empty.copy({"--touch", "at"}).code == 0);
  const auto all = run(program({"verify", empty.job.directory.string()}));
  INFO(all.text());
  CHECK(all.code == 0);
  CHECK(says(all, "no difference"));
  CHECK_FALSE(says(all, "no fewer rows"));
  (void)empty.there("UPDATE items SET note = 'other' WHERE id = 5");
  CHECK(run(program({"verify", empty.job.directory.string()})).code == 4);
}

namespace {

// Tells of each statement that inserts rows how it was: C(opy) or U(psert).
const std::string k_watch =
    "CREATE TABLE seen (how text, place serial);"
    "CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.seen "
    "(how) VALUES (CASE WHEN pg_catalog.current_query() LIKE 'COPY%' THEN 'C' ELSE 'U' END); "
    "RETURN NULL; END$$;"
    "CREATE TRIGGER watch AFTER INSERT ON items FOR EACH STATEMENT EXECUTE FUNCTION watch();";

}  // namespace

TEST_CASE("auto upserts into ranges that hold rows, and copies into those that hold none") {
  Modes f(k_source, k_target + k_watch);
  f.job.options = {"--chunk-rows", "300", "-j", "1"};
  const auto killed = f.job.run_copy({{"PGSTRIDE_CRASH_AT", "chunk_after_commit:2"}});
  REQUIRE_MESSAGE(killed.signal == 9, killed.text());
  const auto ended = f.job.run_resume();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(f.there(k_counts) == "1100|1000");
  CHECK(f.there("SELECT string_agg(how, '' ORDER BY how) FROM seen") == "CCCU");
}

TEST_CASE("A row that comes into an empty range while it is copied is upserted over") {
  const Modes f(k_source, k_target +
                              "CREATE FUNCTION come() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
                              "IF pg_catalog.current_query() LIKE 'COPY%' AND "
                              "pg_catalog.pg_trigger_depth() = 1 THEN INSERT INTO public.items "
                              "VALUES (5, 'theirs') ON CONFLICT DO NOTHING; END IF; "
                              "RETURN NULL; END$$;"
                              "CREATE TRIGGER come BEFORE INSERT ON items FOR EACH STATEMENT "
                              "EXECUTE FUNCTION come();");
  const auto ended = f.copy({"--retries", "0"});
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(f.there(k_counts) == "1100|1000");
}

TEST_CASE("Where a range can't be asked for, the whole table decides: all of it is upserted") {
  struct Odd {
    std::string source;
    std::string target;
    std::vector<std::string> options;
  };
  const std::string text_key = "CREATE TABLE items (id text PRIMARY KEY, note text);";
  const std::string rows =
      "INSERT INTO items SELECT i, 'new ' || i FROM generate_series(1, 1000) i;";
  const std::string other_key =
      "CREATE TABLE items (id int PRIMARY KEY, note text, n int); CREATE INDEX ON items (n);";
  const std::string wide_rows =
      "INSERT INTO items SELECT i, 'new ' || i, 5000 - i FROM generate_series(1, 1000) i;";
  for (const auto& odd :
       std::vector<Odd>{{text_key + rows, text_key + "INSERT INTO items VALUES ('5', 'old');", {}},
                        {other_key + wide_rows,
                         other_key + "INSERT INTO items VALUES (5, 'old', 1);",
                         {"--key", "items:n"}}}) {
    CAPTURE(odd.source);
    const Modes f(odd.source, odd.target + k_watch);
    const auto ended = f.copy(odd.options);
    INFO(ended.text());
    CHECK(ended.code == 0);
    CHECK(f.there(k_counts) == "1000|1000");
    CHECK(f.there("SELECT count(*) FROM seen WHERE how = 'C'") == "0");
  }
}
