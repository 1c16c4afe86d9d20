// Tables that somebody truncates, drops, rewrites or fills while they are exported: a held lock or
// a clear error, never fewer rows with exit code 0.
#include <doctest/doctest.h>

#include <csignal>

#include "cli/cli_cluster.hpp"

using namespace pgstride::test;

namespace {

bool is_waited_for(PgSession& session, const std::string& command) {
  return session.exec("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND"
                      " query LIKE '" +
                      command + "%'") != "0";
}

const std::vector<std::string> k_intruders = {
    "TRUNCATE items", "DROP TABLE items",
    "ALTER TABLE items ALTER note TYPE text USING note || '!'", "VACUUM FULL items"};

}  // namespace

TEST_CASE("While a table is exported its lock keeps TRUNCATE, DROP and rewrites away") {
  for (const auto& intruder : k_intruders) {
    DOCTEST_SUBCASE(intruder.c_str()) {
      CAPTURE(intruder);
      const auto name = items_database(3000);
      auto session = cli_cluster().session(name);
      session.exec("CREATE TABLE kept AS TABLE items");
      TempDir dir;
      const auto job =
          items_job(name, dir / "job", {"--chunk-rows", "100", "-j", "2", "--chunk-pause", "60ms"});
      Process process(job.export_command());
      REQUIRE(eventually([&] { return job.has_done(2); }));
      auto intruding = cli_cluster().session(name);
      intruding.send(intruder);
      CHECK(eventually([&] { return is_waited_for(session, intruder.substr(0, 8)); }));
      const auto ended = process.wait();
      INFO(ended.text());
      REQUIRE(ended.code == 0);
      CHECK(intruding.finish() == "");  // let through when the export was done
      session.exec("DROP TABLE IF EXISTS items; ALTER TABLE kept RENAME TO items");
      CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");
      CHECK(job.status()["consistency"] == "exact");
    }
  }
}

TEST_CASE(
    "A table that somebody changes between the plan and the lock is not read under a false view") {
  for (const auto& intruder : k_intruders) {
    DOCTEST_SUBCASE(intruder.c_str()) {
      CAPTURE(intruder);
      const auto name = items_database(3000);
      auto intruding = cli_cluster().session(name);
      if (!intruder.starts_with("VACUUM")) {
        intruding.exec("BEGIN");
      }
      TempDir dir;
      const auto job = items_job(name, dir / "job");
      // The change is made but not committed when the job asks for its locks.
      intruding.exec(intruder);
      Process process(job.export_command());
      auto session = cli_cluster().session(name);
      CHECK(eventually([&] {
        return process.ends_within(std::chrono::milliseconds(0)) || job.is_planned() ||
               session.exec("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                            " AND application_name LIKE 'pgstride/%'") != "0";
      }));
      intruding.exec("COMMIT");
      const auto ended = process.wait();
      INFO(ended.text());
      CHECK((ended.code == 0 || ended.code == 1 || ended.code == 2));
      if (ended.code == 0) {
        CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");
      } else {
        CHECK(ended.err.find("items") != std::string::npos);
        CHECK(ended.err.find("HINT:") != std::string::npos);
      }
    }
  }
}

TEST_CASE("A table dropped or altered between two runs is an error that names it") {
  struct Change {
    std::string sql;
    bool may_succeed;  ///< a table whose shape changed may be exported again whole
  };
  const std::vector<Change> changes = {
      {"DROP TABLE items", false},
      {"ALTER TABLE items RENAME TO others", false},
      {"ALTER TABLE items DROP COLUMN note", true},
      {"ALTER TABLE items ALTER id TYPE numeric", true},
      {"DROP TABLE items; CREATE TABLE items (id bigint PRIMARY KEY, note text)", true},
      {"TRUNCATE items", true},
      {"VACUUM FULL items", true}};
  for (const auto& change : changes) {
    DOCTEST_SUBCASE(change.sql.c_str()) {
      CAPTURE(change.sql);
      const auto name = items_database(2000);
      TempDir dir;
      const auto job = items_job(name, dir / "job", {"--chunk-rows", "100", "--max-chunks", "5"});
      REQUIRE(job.run_export().code == 3);
      cli_cluster().exec(change.sql, name);
      const auto ended = run(job.resume_command());
      INFO(ended.text());
      if (ended.code == 0) {
        CHECK(change.may_succeed);
        auto session = cli_cluster().session(name);
        const auto status = job.status();
        // Not of one moment any more, or all of it read again.
        const bool honest = status["consistency"] == "fuzzy" ||
                            check_at_rest(session, job.directory, job.kinds).empty();
        CHECK(honest);
      } else {
        CHECK(ended.code == 1);
        CHECK(ended.err.find("items") != std::string::npos);
        CHECK(ended.err.find("HINT:") != std::string::npos);
      }
    }
  }
}

TEST_CASE(
    "A table that somebody waits to truncate before its turn is exported whole, or fails clearly") {
  const auto name = items_database(3000);
  auto session = cli_cluster().session(name);
  session.exec("CREATE TABLE zz_last (id int PRIMARY KEY); INSERT INTO zz_last"
               " SELECT generate_series(1, 50); ANALYZE");
  TempDir dir;
  auto job =
      items_job(name, dir / "job",
                {"-t", "zz_last", "--chunk-rows", "100", "-j", "1", "--chunk-pause", "40ms"});
  Process process(job.export_command());
  REQUIRE(eventually([&] { return job.has_done(2); }));
  auto intruding = cli_cluster().session(name);
  intruding.send("TRUNCATE zz_last");
  CHECK(eventually([&] { return is_waited_for(session, "TRUNCATE"); }));
  const auto ended = process.wait();
  INFO(ended.text());
  CHECK(intruding.finish() == "");
  if (ended.code == 0) {
    CHECK(job.status()["rows"] == 3050);
  } else {
    CHECK(ended.code == 1);
    CHECK(ended.err.find("zz_last") != std::string::npos);
    CHECK(run(job.resume_command()).code == 0);
  }
}

TEST_CASE("Rows that come while a table is exported are not in an exact job") {
  const auto name = items_database(3000);
  auto session = cli_cluster().session(name);
  session.exec("CREATE TABLE kept AS TABLE items");
  TempDir dir;
  const auto job =
      items_job(name, dir / "job", {"--chunk-rows", "100", "-j", "1", "--chunk-pause", "20ms"});
  Process process(job.export_command());
  REQUIRE(eventually([&] { return job.has_done(2); }));
  session.exec("INSERT INTO items SELECT i, 'grown' FROM generate_series(3001, 9000) i;"
               " INSERT INTO items SELECT -i, 'below' FROM generate_series(1, 500) i");
  const auto ended = process.wait();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  session.exec("DROP TABLE items; ALTER TABLE kept RENAME TO items");
  CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");
}

TEST_CASE("Rows beyond the planned bounds that came before the snapshot are in the files") {
  const auto name = items_database(2000);
  TempDir dir;
  const auto job = items_job(name, dir / "job", {"--chunk-rows", "100"});
  REQUIRE(run(job.export_command(), {{"PGSTRIDE_CRASH_AT", "plan_stored"}}).signal == SIGKILL);
  auto session = cli_cluster().session(name);
  session.exec("INSERT INTO items SELECT i, 'above' FROM generate_series(5001, 6000) i;"
               " INSERT INTO items SELECT -i, 'below' FROM generate_series(0, 1000) i");
  const auto ended = job.run_export();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");
}

TEST_CASE("Foreign tables are left out of what is promised of the snapshot") {
  const auto name = cli_cluster().create_database("foreign");
  auto session = cli_cluster().session(name);
  if (session.exec("SELECT count(*) FROM pg_available_extensions WHERE name = 'file_fdw'") == "0") {
    MESSAGE("SKIPPED: file_fdw is not installed");
    return;
  }
  session.exec("CREATE TABLE own (i int PRIMARY KEY); INSERT INTO own VALUES (1);"
               "CREATE EXTENSION file_fdw; CREATE SERVER f FOREIGN DATA WRAPPER file_fdw;"
               "CREATE FOREIGN TABLE far (i text) SERVER f OPTIONS (program 'echo 1')");
  TempDir dir;
  const auto job = (dir / "job").string();
  const auto ended = run(program({"export", "--source", cli_cluster().conninfo(name), "--out", job,
                                  "-t", "own", "-t", "far", "--progress", "none"}));
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(ended.err.find("public.far is a foreign table") != std::string::npos);
  const auto manifest = read_manifest_json(job);
  CHECK(manifest["consistency"] == "exact");
  CHECK(manifest["consistency_note"].get<std::string>().find("foreign tables") !=
        std::string::npos);
  for (const auto& table : manifest["tables"]) {
    CHECK(table["consistency"] == (table["name"] == "far" ? "fuzzy" : "exact"));
  }
}

TEST_CASE("A view of a foreign table is left out of what is promised, however deep it lies") {
  const auto name = cli_cluster().create_database();
  auto session = cli_cluster().session(name);
  session.exec("CREATE TABLE far (i int); INSERT INTO far VALUES (1), (2);"
               "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;"
               "CREATE FOREIGN TABLE outside (line text) SERVER files OPTIONS (program 'echo 1');"
               "CREATE VIEW inner_view AS SELECT line FROM outside;"
               "CREATE VIEW deep AS SELECT f.i FROM far f JOIN inner_view v ON v.line::int = f.i;"
               "CREATE VIEW plain AS SELECT i FROM far");
  TempDir dir;
  const auto ended = run(program({"export", "--source", cli_cluster().conninfo(name), "--out",
                                  dir / "job", "-t", "deep", "-t", "plain", "--progress", "none"}));
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(ended.err.find("public.deep reads a foreign table") != std::string::npos);
  const auto status = run(program({"status", dir / "job"}));
  INFO(status.text());
  CHECK(status.out.find("as of the moment they were read: public.deep") != std::string::npos);
  CHECK(status.out.find("read: public.deep, public.plain") == std::string::npos);
}

TEST_CASE("A text key whose collation has another version by now is exported again whole") {
  const auto name = cli_cluster().create_database("collated");
  auto session = cli_cluster().session(name);
  if (session.exec("SELECT count(*) FROM pg_collation WHERE collname = 'und-x-icu'") == "0") {
    MESSAGE("SKIPPED: the server has no ICU");
    return;
  }
  session.exec("CREATE TABLE words (w text COLLATE \"und-x-icu\" PRIMARY KEY);"
               "INSERT INTO words SELECT md5(i::text) FROM generate_series(1, 3000) i");
  TempDir dir;
  const auto job = (dir / "job").string();
  REQUIRE(run(program({"export", "--source", cli_cluster().conninfo(name), "--out", job,
                       "--chunk-rows", "500", "--max-chunks", "2", "--progress", "none"}))
              .code == 3);
  // As if the operating system had been upgraded in between.
  run_or_throw({"python3", "-c",
                "import json, sqlite3, sys\n"
                "db = sqlite3.connect(sys.argv[1] + '/checkpoint.db')\n"
                "key = json.loads(db.execute('SELECT key FROM tbl').fetchone()[0])\n"
                "assert key['columns'][0]['collation_version'], key\n"
                "key['columns'][0]['collation_version'] = '1.0'\n"
                "db.execute('UPDATE tbl SET key = ?', [json.dumps(key)])\n"
                "db.commit()",
                job});
  const auto resumed = run(program({"resume", job, "--progress", "none"}));
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  CHECK(resumed.err.find("another version") != std::string::npos);
  CHECK(read_manifest_json(job)["consistency"] == "exact");
  CHECK(run(program({"verify", job, "--source", cli_cluster().conninfo(name)})).code == 0);
}

TEST_CASE("--consistency exact refuses a filter that reads other tables, auto warns of it") {
  const auto name = items_database(10);
  TempDir dir;
  auto job = items_job(
      name, dir / "job",
      {"--where", "items:id IN (SELECT 3 FROM pg_catalog.pg_class)", "--consistency", "exact"});
  const auto refused = job.run_export();
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(refused.err.find("reads other tables") != std::string::npos);
  job.options.resize(2);
  const auto taken = job.run_export();
  CHECK(taken.code == 0);
  CHECK(taken.err.find("reads other tables") != std::string::npos);
}
