// What a user gets wrong: a message that names it, a hint, the right exit code, and nothing left
// that looks finished.
#include <doctest/doctest.h>

#include "cli/cli_cluster.hpp"

using namespace pgstride::test;

namespace {

struct BadInput {
  std::string what;
  std::vector<std::string> arguments;  ///< of export, behind --out
  int code;
  std::vector<std::string> words;  ///< each stands in the message
  std::string user = "postgres";
  Environment environment = {};
};

const std::string& database() {
  static const std::string name = [] {
    auto made = items_database(1000);
    cli_cluster().exec(R"(
      CREATE TABLE rows_hidden (id int PRIMARY KEY);
      ALTER TABLE rows_hidden ENABLE ROW LEVEL SECURITY;
      GRANT SELECT ON rows_hidden TO limited;
      CREATE TABLE "two words" (a int))",
                       made);
    return made;
  }();
  return name;
}

std::vector<BadInput> bad_inputs() {
  return {
      {"unknown table", {"-t", "nothing_like_this"}, 2, {"nothing_like_this"}},
      {"unknown schema", {"-n", "no_schema"}, 2, {"no_schema"}},
      {"unknown key column", {"-t", "items", "--key", "items:nope"}, 2, {"nope", "items"}},
      {"key of a table that is not there", {"--key", "missing:id"}, 2, {"missing"}},
      {"no permission", {"-t", "items"}, 2, {"items", "GRANT SELECT"}, "nobody"},
      {"row security in force",
       {"-t", "rows_hidden"},
       2,
       {"rows_hidden", "row security"},
       "limited"},
      {"wrong password",
       {"-t", "items"},
       1,
       {"password", "secretive"},
       "secretive",
       {{"PGPASSWORD", "wrong guess"}}},
      {"no password", {"-t", "items"}, 1, {"password"}, "secretive"},
      {"unknown role", {"-t", "items"}, 1, {"stranger"}, "stranger"},
      {"chunk rows of nothing", {"--chunk-rows", "0"}, 2, {"chunk-rows"}},
      {"jobs that are no number", {"-j", "many"}, 2, {"many"}},
      {"unknown format", {"--format", "parquet"}, 2, {"parquet"}},
      {"unknown compression", {"-Z", "brotli"}, 2, {"brotli"}},
      {"level that the method has not", {"-Z", "gzip:77"}, 2, {"77"}},
      {"header for binary", {"--format", "binary", "--header"}, 2, {"header"}},
      {"unknown option", {"--no-such-thing"}, 2, {"--no-such-thing"}},
      {"size without sense", {"--chunk-size", "12 apples"}, 2, {"apples"}},
      {"sizes and rows at once", {"--chunk-size", "1MB", "--chunk-rows", "5"}, 2, {"chunk-rows"}},
  };
}

}  // namespace

TEST_CASE("Bad input is refused with its name, a hint and the right exit code") {
  for (const auto& bad : bad_inputs()) {
    DOCTEST_SUBCASE(bad.what.c_str()) {
      TempDir dir;
      Arguments arguments = {"export", "--source",  cli_cluster().conninfo(database(), bad.user),
                             "--out",  dir / "job", "--retries",
                             "0"};
      arguments.insert(arguments.end(), bad.arguments.begin(), bad.arguments.end());
      const auto ended = run(program(arguments), bad.environment);
      CAPTURE(bad.what);
      INFO(ended.text());
      CHECK(ended.code == bad.code);
      for (const auto& word : bad.words) {
        CAPTURE(word);
        CHECK(ended.err.find(word) != std::string::npos);
      }
      CHECK(ended.err.find("HINT:") != std::string::npos);
      CHECK(ended.err.find("wrong guess") == std::string::npos);
      CHECK(ended.out == "");
      CHECK_FALSE(std::filesystem::exists(dir / "job"));
    }
  }
}

TEST_CASE("What no retry can mend is not tried again") {
  struct Hopeless {
    std::string user;
    Environment environment;
  };
  const std::vector<Hopeless> all = {{"secretive", {{"PGPASSWORD", "wrong guess"}}},
                                     {"secretive", {}},
                                     {"stranger", {}},
                                     {"locked_out", {}}};
  TempDir dir;
  const auto job = items_job(database(), dir / "job", {"--chunk-rows", "100", "--max-chunks", "2"});
  REQUIRE(job.run_export().code == 3);
  cli_cluster().exec("CREATE ROLE locked_out LOGIN; REVOKE CONNECT ON DATABASE " + database() +
                         " FROM public",
                     database());
  for (const auto& hopeless : all) {
    CAPTURE(hopeless.user);
    const auto ended =
        run(program({"resume", job.directory, "--source",
                     cli_cluster().conninfo(database(), hopeless.user), "--retry-wait", "1h"}),
            hopeless.environment);
    INFO(ended.text());
    CHECK(ended.code == 1);
    CHECK(ended.err.find("attempt") == std::string::npos);
    CHECK(ended.err.find("HINT:") != std::string::npos);
    CHECK(ended.err.find("LOCATION") == std::string::npos);
  }
  cli_cluster().exec("GRANT CONNECT ON DATABASE " + database() + " TO public", database());
  CHECK(job.run_resume().code == 0);
}

TEST_CASE("A directory whose first connection failed is as before, and serves a later run") {
  for (const bool made_before : {false, true}) {
    CAPTURE(made_before);
    TempDir dir;
    if (made_before) {
      std::filesystem::create_directory(dir / "job");
    }
    auto job = items_job(database(), dir / "job");
    const auto good = job.conninfo;
    job.conninfo = "host=/nowhere/at/all dbname=x";
    CHECK(job.run_export().code == 1);
    CHECK(std::filesystem::exists(dir / "job") == made_before);
    CHECK((!made_before || std::filesystem::is_empty(dir / "job")));
    job.conninfo = good;
    CHECK(job.run_export().code == 0);
  }
}

TEST_CASE("More workers than the server has connections: the job goes on with those that got one") {
  cli_cluster().exec("CREATE ROLE crowded LOGIN CONNECTION LIMIT 5;"
                     "GRANT SELECT ON items TO crowded",
                     database());
  TempDir dir;
  auto job = items_job(database(), dir / "job", {"--chunk-rows", "20", "-j", "8"});
  job.conninfo = cli_cluster().conninfo(database(), "crowded");
  const auto ended = job.run_export();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(ended.err.find("-j") != std::string::npos);
  CHECK(ended.err.find("max_connections") != std::string::npos);
  CHECK(job.status()["consistency"] == "exact");
  auto session = cli_cluster().session(database());
  CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");

  cli_cluster().exec("ALTER ROLE crowded CONNECTION LIMIT 2");
  job.directory = dir / "none";
  job.options = {"-j", "8", "--retries", "1"};
  const auto none = job.run_export();
  INFO(none.text());
  CHECK(none.code == 1);
  CHECK(none.err.find("-j") != std::string::npos);
  CHECK(none.err.find("max_connections") != std::string::npos);
}

TEST_CASE("A server that is not there is named, with a hint") {
  TempDir dir;
  const auto ended = run(program({"export", "--source", "host=/nowhere/at/all dbname=x", "--out",
                                  dir / "job", "--retries", "0"}));
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(ended.err.find("/nowhere/at/all") != std::string::npos);
  CHECK(ended.err.find("HINT:") != std::string::npos);
}

TEST_CASE("A database that does not exist is named") {
  TempDir dir;
  const auto ended = run(program({"export", "--source", cli_cluster().conninfo("no_such_db"),
                                  "--out", dir / "job", "--retries", "0"}));
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(ended.err.find("no_such_db") != std::string::npos);
}

TEST_CASE("A server older than 14 is refused with its version") {
  const char* bin = std::getenv("PGSTRIDE_PGBIN_OLD");
  if (bin == nullptr || *bin == '\0') {
    MESSAGE("SKIPPED: PGSTRIDE_PGBIN_OLD is not set (tools/get-postgres 13)");
    return;
  }
  TempCluster old({.bin = bin});
  REQUIRE(old.major_version() < 14);
  old.exec("CREATE TABLE t (a int)");
  TempDir dir;
  const auto ended = run(program({"export", "--source", old.conninfo(), "--out", dir / "job"}));
  INFO(ended.text());
  CHECK(ended.code == 2);
  CHECK(ended.err.find(std::to_string(old.major_version()) + ".") != std::string::npos);
  CHECK(ended.err.find("14") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(dir / "job" / "manifest.json"));
}

TEST_CASE("Passwords stand in no file of the job and in no message") {
  TempDir dir;
  cli_cluster().exec("GRANT SELECT ON items TO secretive", database());
  const auto conninfo = cli_cluster().conninfo(database(), "secretive") + " password='open sesame'";
  const auto ended = run(program({"export", "--source", conninfo, "--out", dir / "job", "-t",
                                  "items", "--log-file", dir / "log", "--log-level", "debug"}));
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK((ended.out + ended.err).find("open sesame") == std::string::npos);
  CHECK(read_text(dir / "log").find("open sesame") == std::string::npos);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir / "job")) {
    if (entry.is_regular_file()) {
      CAPTURE(entry.path().string());
      CHECK(read_text(entry.path()).find("open sesame") == std::string::npos);
    }
  }
}
