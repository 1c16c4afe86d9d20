// Chunk files that somebody deleted, cut short or damaged: what a resume makes of them.
#include <doctest/doctest.h>

#include <csignal>
#include <fstream>

#include "cli/cli_cluster.hpp"

using namespace pgstride::test;

namespace {

namespace fs = std::filesystem;

const std::string& database() {
  static const std::string name = items_database(2000);
  return name;
}

ExportJob finished_job(const fs::path& directory, std::vector<std::string> more = {}) {
  std::vector<std::string> options = {"--chunk-rows", "300"};
  options.insert(options.end(), more.begin(), more.end());
  auto job = items_job(database(), directory, options);
  const auto ended = job.run_export();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  return job;
}

Problems check(const ExportJob& job) {
  auto session = cli_cluster().session(database());
  return check_at_rest(session, job.directory, job.kinds);
}

std::vector<std::string> redo_reasons(const ExportJob& job) {
  std::vector<std::string> reasons;
  const auto status = job.status(true);
  for (const auto& chunk : status["chunk_list"]) {
    if (chunk["redo_reason"].is_string()) {
      reasons.push_back(chunk["redo_reason"]);
    }
  }
  return reasons;
}

}  // namespace

TEST_CASE("Files of a finished job that are missing or cut short are exported again") {
  for (const bool by_export : {false, true}) {
    CAPTURE(by_export);
    TempDir dir;
    const auto job = finished_job(dir / "job");
    const auto files = data_files(job.directory);
    fs::remove(job.directory / files[1]);
    fs::resize_file(job.directory / files[3], 10);
    const auto ended = by_export ? job.run_export() : job.run_resume();
    INFO(ended.text());
    REQUIRE(ended.code == 0);
    CHECK(ended.err.find(files[1] + " (file missing)") != std::string::npos);
    CHECK(ended.err.find(files[3] + " (file size differs") != std::string::npos);
    CHECK(redo_reasons(job).size() == 2);
    CHECK(redo_reasons(job).front() == "file missing");
    CHECK(joined(check(job)) == "");
    CHECK(run(program({"verify", job.directory, "--source", job.conninfo})).code == 0);
    CHECK(job.status()["consistency"] == "fuzzy");  // two snapshots stand side by side
  }
}

TEST_CASE("If all files of a job are gone, all of it is exported again and is exact") {
  TempDir dir;
  const auto job = finished_job(dir / "job");
  fs::remove_all(job.directory / "public.items");
  REQUIRE(job.run_resume().code == 0);
  CHECK(job.status()["consistency"] == "exact");
  CHECK(joined(check(job)) == "");
}

TEST_CASE("A lost file of a table without a primary key makes the whole table be exported again") {
  const auto name = cli_cluster().create_database("lost");
  auto session = cli_cluster().session(name);
  const auto& table = kind("no_key");
  create_tables(session, {table}, 3000);
  TempDir dir;
  ExportJob job{.conninfo = cli_cluster().conninfo(name),
                .directory = dir / "job",
                .kinds = {table},
                .options = {"--chunk-rows", "100"}};
  REQUIRE(job.run_export().code == 0);
  session.exec("DELETE FROM no_key WHERE a = 3; INSERT INTO no_key SELECT 77, 'new' FROM "
               "generate_series(1, 50)");
  fs::remove(job.directory / data_files(job.directory)[2]);
  const auto resumed = job.run_resume();
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  CHECK(resumed.err.find("exported again whole") != std::string::npos);
  CHECK(job.status()["consistency"] == "exact");
  CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");
}

TEST_CASE("The manifest is gone before a lost file is exported again, and comes back at the end") {
  TempDir dir;
  const auto job = finished_job(dir / "job");
  fs::remove(job.directory / data_files(job.directory)[1]);
  const auto killed = run(job.resume_command(), {{"PGSTRIDE_CRASH_AT", "lost_manifest_removed"}});
  REQUIRE(killed.signal == SIGKILL);
  CHECK_FALSE(fs::exists(job.directory / "manifest.json"));
  const auto later = run(job.resume_command(), {{"PGSTRIDE_CRASH_AT", "chunk_copied"}});
  REQUIRE(later.signal == SIGKILL);
  CHECK_FALSE(fs::exists(job.directory / "manifest.json"));
  CHECK(job.status()["state"] == "interrupted");
  REQUIRE(job.run_resume().code == 0);
  CHECK(joined(check(job)) == "");
}

TEST_CASE("A finished job with lost files stays as it is where it can't be mended") {
  TempDir dir;
  const auto job = finished_job(dir / "job");
  const auto manifest = read_text(job.directory / "manifest.json");
  fs::remove(job.directory / data_files(job.directory)[1]);
  const std::vector<std::vector<std::string>> ways = {{"--consistency", "exact"},
                                                      {"--source", "host=/nowhere/at/all dbname=x"},
                                                      {"--source", cli_cluster().conninfo()}};
  for (const auto& way : ways) {
    const auto ended = job.run_resume(way);
    INFO(ended.text());
    CHECK(ended.code == 1);
    CHECK(ended.err.find("HINT:") != std::string::npos);
    CHECK(read_text(job.directory / "manifest.json") == manifest);
    CHECK(job.status()["state"] == "done");
  }
  CHECK(job.run_resume().code == 0);
}

TEST_CASE("A lost file of a paused job is exported with what is left") {
  TempDir dir;
  auto job = items_job(database(), dir / "job", {"--chunk-rows", "300", "--max-chunks", "3"});
  REQUIRE(job.run_export().code == 3);
  fs::remove(job.directory / data_files(job.directory)[1]);
  const auto resumed = job.run_resume();
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  CHECK(joined(check(job)) == "");
}

TEST_CASE("A manifest or an empty table's file that is gone is written again without the server") {
  const auto name = cli_cluster().create_database("empty");
  cli_cluster().exec("CREATE TABLE items (id bigint PRIMARY KEY, note text)", name);
  TempDir dir;
  const auto job = items_job(name, dir / "job", {"--header"});
  REQUIRE(job.run_export().code == 0);
  const auto file = job.directory / data_files(job.directory).at(0);
  const auto bytes = read_text(file);
  for (const auto& lost : {file, job.directory / "manifest.json"}) {
    fs::remove(lost);
    const auto ended = job.run_resume({"--source", "host=/nowhere/at/all"});
    INFO(ended.text());
    CHECK(ended.code == 0);
    CHECK(ended.err.find(lost.filename().string()) != std::string::npos);
    CHECK(read_text(file) == bytes);
    CHECK(run(program({"verify", job.directory})).code == 0);
  }
}

TEST_CASE("verify tells how to mend a damaged file, and that works") {
  TempDir dir;
  const auto job = finished_job(dir / "job", {"-Z", "none"});
  const auto file = data_files(job.directory)[2];
  auto bytes = read_text(job.directory / file);
  bytes[5] = bytes[5] == 'a' ? 'b' : 'a';
  write_text(job.directory / file, bytes);
  const auto found = run(program({"verify", job.directory}));
  INFO(found.text());
  CHECK(found.code == 4);
  CHECK(found.out.find("HINT: ") != std::string::npos);
  CHECK(found.out.find(file) != std::string::npos);
  CHECK(found.out.find("delete") != std::string::npos);
  fs::remove(job.directory / file);
  const auto missing = run(program({"verify", job.directory}));
  CHECK(missing.out.find("pgstride resume") != std::string::npos);
  CHECK(missing.out.find("delete") == std::string::npos);
  REQUIRE(job.run_resume().code == 0);
  CHECK(joined(check(job)) == "");
}
