// What the verbs print: JSON of the agreed names, exit codes, an end that scripts can rely on.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "cli/cli_cluster.hpp"

using namespace pgstride::test;

namespace {

const std::string& database() {
  static const std::string name = items_database(2000);
  return name;
}

void has_members(const Json& object, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    CAPTURE(name);
    CHECK(object.contains(name));
  }
}

}  // namespace

TEST_CASE("status --json has the agreed members before, while and after a job is done") {
  TempDir dir;
  auto job = items_job(database(), dir / "job", {"--chunk-rows", "100", "--max-chunks", "4"});
  REQUIRE(job.run_export().code == 3);
  for (const std::string state : {"paused", "done"}) {
    const auto status = job.status();
    CHECK(status["state"] == state);
    has_members(status, {"job", "verb", "state", "alive", "pid", "started", "finished", "chunks",
                         "rows", "bytes", "estimated_rows", "percent", "eta_s", "start_lsn",
                         "start_lsn_int", "end_lsn", "slot", "consistency", "tables"});
    has_members(status["chunks"], {"total", "done", "running", "failed", "redo"});
    has_members(status["tables"][0], {"name", "key", "split", "state", "chunks", "done", "rows",
                                      "bytes", "rejected", "error"});
    CHECK(status["verb"] == "export");
    CHECK(status["tables"][0]["name"] == "public.items");
    CHECK(run(program({"status", job.directory})).code == 0);
    if (state == "paused") {
      REQUIRE(run(job.resume_command()).code == 0);
    }
  }
  CHECK(job.status()["rows"] == 2000);
  CHECK(job.status()["percent"] == 100);
}

TEST_CASE("The manifest has the agreed members and no secrets") {
  TempDir dir;
  const auto job = items_job(database(), dir / "job");
  REQUIRE(job.run_export().code == 0);
  const auto manifest = read_manifest_json(job.directory);
  has_members(manifest, {"format_version", "tool", "version", "source", "start_lsn", "end_lsn",
                         "slot", "publication", "consistency", "snapshot_xmin", "format", "dialect",
                         "compression", "created", "tables"});
  has_members(manifest["source"], {"server_version", "system_identifier", "database", "timeline"});
  has_members(manifest["tables"][0],
              {"schema", "name", "columns", "key", "rows", "bytes", "files"});
  has_members(manifest["tables"][0]["columns"][0], {"name", "type", "not_null"});
  has_members(manifest["tables"][0]["files"][0],
              {"file", "chunk", "rows", "bytes", "raw_bytes", "xxh3", "lower", "upper", "lsn"});
  CHECK(manifest["consistency"] == "exact");
  CHECK(manifest["source"]["database"] == database());
}

TEST_CASE("--progress json is one object a line on stdout and ends with job_done") {
  TempDir dir;
  auto command = items_job(database(), dir / "job").export_command();
  *std::find(command.begin(), command.end(), "none") = "json";
  const auto ended = run(command);
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  std::istringstream lines(ended.out);
  Json last;
  long chunks_done = 0;
  std::string first;
  for (std::string line; std::getline(lines, line);) {
    last = Json::parse(line);
    CHECK(last["v"] == 1);
    first = first.empty() ? last["event"].get<std::string>() : first;
    chunks_done += last["event"] == "chunk_done" ? 1 : 0;
  }
  CHECK(last["event"] == "job_done");
  has_members(last, {"rows", "bytes", "files", "chunks", "seconds", "rows_per_s", "bytes_per_s",
                     "start_lsn", "end_lsn", "consistency", "rejected"});
  CHECK(last["rows"] == 2000);
  CHECK(last["chunks"] == chunks_done);
}

TEST_CASE("An error under --progress json ends with exit_error") {
  TempDir dir;
  const auto ended = run(program({"export", "--source", cli_cluster().conninfo(database()), "--out",
                                  dir / "job", "--progress", "json", "-t", "nothing"}));
  INFO(ended.text());
  CHECK(ended.code == 2);
  CHECK(ended.out.find("\"exit_error\"") != std::string::npos);
}

TEST_CASE("An error of a verb with --json is an object on stdout and a text on stderr") {
  TempDir dir;
  const std::vector<std::vector<std::string>> failing = {
      {"status", dir / "nothing", "--json"},
      {"verify", dir / "nothing", "--json"},
      {"plan", "--source", "host=/nowhere/at/all", "--json"},
      {"plan", "--source", cli_cluster().conninfo(database()), "-T", "audit_*", "--json"},
      {"status", "--json"}};
  for (const auto& arguments : failing) {
    const auto ended = run(program(arguments));
    INFO(ended.text());
    const auto error = Json::parse(ended.out);
    CHECK(error["event"] == "exit_error");
    CHECK(error["v"] == 1);
    CHECK(error["exit_code"] == *ended.code);
    CHECK(ended.err.find(error["error"].get<std::string>()) != std::string::npos);
    CHECK(error.contains("hint"));
  }
}

TEST_CASE("The summary of a plan counts a partitioned table once") {
  const auto name = cli_cluster().create_database("parts");
  cli_cluster().exec("CREATE TABLE p (k int PRIMARY KEY) PARTITION BY LIST (k);"
                     "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"
                     "CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);"
                     "CREATE TABLE q (k int PRIMARY KEY)",
                     name);
  const auto ended = run(program({"plan", "--source", cli_cluster().conninfo(name)}));
  INFO(ended.text());
  CHECK(ended.out.find("2 tables (2 leaf partitions)") != std::string::npos);
}

TEST_CASE("An empty table is told with the one file that it makes") {
  const auto name = cli_cluster().create_database("none");
  cli_cluster().exec("CREATE TABLE items (id bigint PRIMARY KEY, note text)", name);
  TempDir dir;
  auto command = items_job(name, dir / "job").export_command();
  *std::find(command.begin(), command.end(), "none") = "json";
  const auto ended = run(command);
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  const auto at = ended.out.find(R"({"event":"table_done")");
  REQUIRE(at != std::string::npos);
  CHECK(Json::parse(ended.out.substr(at, ended.out.find('\n', at) - at))["files"] == 1);
}

TEST_CASE("plan changes nothing and tells tables, keys and chunks") {
  const auto before = cli_cluster().exec("SELECT pg_current_wal_insert_lsn()", database());
  const auto ended = run(program({"plan", "--source", cli_cluster().conninfo(database()), "-t",
                                  "items", "--chunk-rows", "100", "--json"}));
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  const auto plan = Json::parse(ended.out);
  has_members(plan, {"tables", "warnings"});
  has_members(plan["tables"][0],
              {"schema", "name", "leaf", "key", "key_reason", "split", "chunks", "estimated_rows",
               "estimated_bytes", "max_over_avg", "warnings", "formatted_by"});
  CHECK(plan["tables"][0]["split"] == "key");
  CHECK(plan["tables"][0]["formatted_by"] == "client");
  CHECK(plan["tables"][0]["chunks"] >= 15);
  CHECK(cli_cluster().exec("SELECT count(*) FROM items", database()) == "2000");
}

TEST_CASE("status of a directory without a job is a usage error with a hint") {
  TempDir dir;
  const auto ended = run(program({"status", dir.path()}));
  INFO(ended.text());
  CHECK(ended.code == 2);
  CHECK(ended.err.find("HINT:") != std::string::npos);
}

TEST_CASE("Every verb explains itself with an example") {
  for (const std::string verb : {"plan", "export", "resume", "pause", "status", "verify"}) {
    CAPTURE(verb);
    const auto ended = run(program({verb, "--help"}));
    CHECK(ended.code == 0);
    CHECK((ended.out + ended.err).find("pgstride " + verb) != std::string::npos);
  }
}
