// A COMMIT whose outcome the client never hears, and two processes that run the same job.
#include <doctest/doctest.h>

#include <csignal>
#include <cstring>

#include "harness/copy_job.hpp"
#include "support/cutting_proxy.hpp"
#include "support/temp_cluster.hpp"

using namespace pgstride::test;

namespace {

constexpr long k_rows = 3000;

const std::vector<TableKind>& some_kinds() {
  static const std::vector<TableKind> kinds = {kind("orders"), kind("no_key"), kind("nullable")};
  return kinds;
}

const std::string& source_database() {
  static const std::string database = [] {
    auto name = shared_cluster().create_database("doubt");
    auto session = shared_cluster().session(name);
    create_tables(session, some_kinds(), k_rows);
    return name;
  }();
  return database;
}

CopyJob copy_job(const std::filesystem::path& directory) {
  const auto database = shared_cluster().create_database("into");
  auto target = shared_cluster().session(database);
  create_target_tables(target, some_kinds(), k_rows);
  return {.source = shared_cluster().conninfo(source_database()),
          .targets = {shared_cluster().conninfo(database)},
          .directory = directory,
          .kinds = some_kinds(),
          .options = {"--chunk-rows", "100", "-j", "3"}};
}

}  // namespace

TEST_CASE("Commits that the client never hears of, or the server, bring each row once") {
  TempDir dir;
  auto job = copy_job(dir / "job");
  const auto real = job.targets[0];
  const CuttingProxy proxy(shared_cluster().directory() / ".s.PGSQL.5432", "; COMMIT", 4);
  job.targets[0] = "host=" + proxy.host() + real.substr(real.find(' '));
  const auto ended = job.run_copy();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(proxy.cuts() >= 10);
  job.targets[0] = real;
  CHECK(joined(check_copy(job)) == "");
}

TEST_CASE("A copied job directory that is resumed fences the process that still runs") {
  TempDir dir;
  auto job = copy_job(dir / "job");
  Process first(job.copy_command({"--chunk-pause", "20ms"}));
  REQUIRE(eventually([&] { return job_has_done(job.directory, 10); }));
  first.kill(SIGSTOP);  // a checkpoint can't be copied while it is written
  auto second = job;
  second.directory = dir / "copied";
  std::filesystem::copy(job.directory, second.directory, std::filesystem::copy_options::recursive);
  first.kill(SIGCONT);
  const auto resumed = second.run_resume();
  INFO(resumed.text());
  CHECK(resumed.code == 0);
  const auto fenced = first.wait();
  INFO(fenced.text());
  CHECK(fenced.code == 1);
  CHECK(fenced.err.find("another process has taken the job over") != std::string::npos);
  CHECK(joined(check_copy(second)) == "");
}

TEST_CASE("A target that went back to an older state gets again what it lost") {
  TempDir dir;
  const auto job = copy_job(dir / "job");
  const auto name = job.targets[0].substr(job.targets[0].rfind('=') + 1);
  const auto swap_in = [&](const std::string& sql) {
    shared_cluster().exec(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'");
    for (const auto* statement = sql.c_str(); *statement != '\0';) {
      const std::string one(statement, std::strcspn(statement, ";"));
      statement += one.size() + 1;
      REQUIRE(eventually([&] { return shared_cluster().session().sqlstate_of(one).empty(); }));
    }
  };
  const auto keep = "CREATE DATABASE " + name + "_old TEMPLATE " + name + ";";
  const auto restore = "ALTER DATABASE " + name + " RENAME TO " + name + "_lost;ALTER DATABASE " +
                       name + "_old RENAME TO " + name + ";";
  SUBCASE("between two runs") {
    REQUIRE(run(job.copy_command({"--max-chunks", "20"})).code == 3);
    swap_in(keep);
    REQUIRE(run(job.copy_command({"--max-chunks", "20", "--consistency", "fuzzy"})).code == 3);
    swap_in(restore);
    const auto ended = job.run_resume({"--consistency", "fuzzy"});
    INFO(ended.text());
    CHECK(ended.code == 0);
  }
  SUBCASE("while the job runs, as when a standby that lagged takes over") {
    Process process(job.copy_command({"--chunk-pause", "20ms", "--retries", "20"}));
    REQUIRE(eventually([&] { return job_has_done(job.directory, 10); }));
    process.kill(SIGSTOP);
    swap_in(keep);
    process.kill(SIGCONT);
    REQUIRE(eventually([&] { return job_has_done(job.directory, 40); }));
    process.kill(SIGSTOP);
    swap_in(restore);
    process.kill(SIGCONT);
    const auto ended = process.wait();
    INFO(ended.text());
    CHECK(ended.code == 0);
    CHECK(ended.err.find("has lost") != std::string::npos);
  }
  CHECK(joined(check_copy(job)) == "");
}
