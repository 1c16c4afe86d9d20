// The job's directory: refused, shared, full, settings that changed.
#include <doctest/doctest.h>

#include <csignal>

#include "cli/cli_cluster.hpp"

using namespace pgstride::test;

namespace {

const std::string& database() {
  static const std::string name = items_database(20'000);
  return name;
}

std::string row_count() {
  return cli_cluster().exec("SELECT count(*) FROM items", database());
}

Problems check(const ExportJob& job) {
  auto session = cli_cluster().session(database());
  return check_at_rest(session, job.directory, job.kinds);
}

}  // namespace

TEST_CASE("A directory with files of somebody else is refused and left alone") {
  TempDir dir;
  std::filesystem::create_directory(dir / "job");
  write_text(dir / "job" / "precious.txt", "mine");
  const auto ended = items_job(database(), dir / "job").run_export();
  INFO(ended.text());
  CHECK(ended.code == 2);
  CHECK(ended.err.find("not empty") != std::string::npos);
  CHECK(ended.err.find("HINT:") != std::string::npos);
  CHECK(read_text(dir / "job" / "precious.txt") == "mine");
  CHECK(std::distance(std::filesystem::directory_iterator(dir / "job"), {}) == 1);
}

TEST_CASE("A directory that can't be made is named") {
  // Permissions do not stop root, but nothing can be made below a file.
  TempDir dir;
  write_text(dir / "file", "");
  for (const auto& target : {(dir / "file") / "job", std::filesystem::path("/proc/job")}) {
    const auto ended = items_job(database(), target).run_export();
    INFO(ended.text());
    CHECK((ended.code == 1 || ended.code == 2));
    CHECK(ended.err.find(target.parent_path().string()) != std::string::npos);
    CHECK(ended.err.find("HINT:") != std::string::npos);
  }
}

TEST_CASE("A finished job run again is left unchanged, by export and by resume") {
  TempDir dir;
  const auto job = items_job(database(), dir / "job", {"--chunk-rows", "5000"});
  REQUIRE(job.run_export().code == 0);
  const auto manifest = read_text(job.directory / "manifest.json");
  for (const auto& again : {job.run_export(), job.run_resume()}) {
    INFO(again.text());
    CHECK(again.code == 0);
  }
  CHECK(read_text(job.directory / "manifest.json") == manifest);
  CHECK(joined(check(job)) == "");
}

// A copy's ledger would stay in its target, and its rows would come twice.
TEST_CASE("A directory with a job of another verb is refused, also by --restart") {
  TempDir dir;
  const auto source = items_database(100);
  const auto into = cli_cluster().create_database("into");
  pg_exec(cli_cluster().conninfo(into), "CREATE TABLE items (id bigint, note text)");
  const auto place = (dir / "job").string();
  const Arguments copying = {"copy",
                             "--source",
                             cli_cluster().conninfo(source),
                             "--job",
                             place,
                             "--target",
                             cli_cluster().conninfo(into),
                             "--chunk-rows",
                             "20",
                             "--max-chunks",
                             "1",
                             "-j",
                             "1",
                             "--progress",
                             "none"};
  REQUIRE(run(program(copying)).code == 3);
  for (const bool restart : {false, true}) {
    Arguments exporting = {"export",     "--source", cli_cluster().conninfo(source), "--out", place,
                           "--progress", "none"};
    if (restart) {
      exporting.insert(exporting.end(), {"--restart", "--yes"});
    }
    const auto ended = run(program(exporting));
    INFO(ended.text());
    CHECK(ended.code == 2);
    CHECK(ended.err.find("holds a job of pgstride copy") != std::string::npos);
  }
  CHECK(run(program({"resume", place, "--progress", "none"})).code == 0);
  CHECK(pg_exec(cli_cluster().conninfo(into), "SELECT count(*) FROM items") == "100");

  const auto files = (dir / "files").string();
  REQUIRE(run(program({"export", "--source", cli_cluster().conninfo(source), "--out", files,
                       "--progress", "none"}))
              .code == 0);
  auto onto_files = copying;
  onto_files[4] = files;
  onto_files.insert(onto_files.end(), {"--restart", "--yes"});
  CHECK(run(program(onto_files)).code == 2);
  CHECK(run(program({"verify", files})).code == 0);
}

TEST_CASE("A changed setting that changes the data is refused with both values") {
  TempDir dir;
  auto job = items_job(database(), dir / "job", {"--chunk-rows", "500", "--max-chunks", "2"});
  REQUIRE(job.run_export().code == 3);
  struct Change {
    std::vector<std::string> options;
    std::string was;
    std::string is;
  };
  const std::vector<Change> changes = {{{"--chunk-rows", "700"}, "500", "700"},
                                       {{"--chunk-size", "4MB"}, "64MB", "4MB"},
                                       {{"--chunk-rows", "500", "--format", "text"}, "csv", "text"},
                                       {{"--chunk-rows", "500", "-Z", "gzip:1"}, "zstd", "gzip"}};
  for (const auto& change : changes) {
    job.options = change.options;
    const auto ended = job.run_export();
    INFO(ended.text());
    CHECK(ended.code == 2);
    CHECK(ended.err.find(change.was) != std::string::npos);
    CHECK(ended.err.find(change.is) != std::string::npos);
  }
  SUBCASE("how it is run may change, and it goes on") {
    job.options = {"--chunk-rows", "500", "-j", "2"};
    CHECK(job.run_export().code == 0);
    CHECK(joined(check(job)) == "");
  }
  SUBCASE("--restart discards it") {
    job.options = {"--chunk-rows", "700", "--format", "text", "--restart", "--yes"};
    const auto ended = job.run_export();
    INFO(ended.text());
    CHECK(ended.code == 0);
    CHECK(joined(check(job)) == "");
  }
}

TEST_CASE("A job is not resumed on another server or database") {
  TempDir dir;
  auto job = items_job(database(), dir / "job", {"--chunk-rows", "500", "--max-chunks", "2"});
  REQUIRE(job.run_export().code == 3);
  const auto other = items_database(100);
  const auto ended = job.run_resume({"--source", cli_cluster().conninfo(other)});
  INFO(ended.text());
  CHECK((ended.code == 1 || ended.code == 2));
  CHECK(ended.err.find(other) != std::string::npos);
  CHECK(ended.err.find(database()) != std::string::npos);
  CHECK(job.run_resume().code == 0);
}

TEST_CASE("A second process on the same directory names the first") {
  TempDir dir;
  const auto job = items_job(database(), dir / "job",
                             {"--chunk-rows", "100", "-j", "1", "--chunk-pause", "20ms"});
  Process first(job.export_command());
  REQUIRE(eventually([&] { return job.is_planned(); }));
  const auto second = job.run_export();
  INFO(second.text());
  CHECK(second.code == 1);
  CHECK(second.err.find(std::to_string(first.pid())) != std::string::npos);
  CHECK(second.err.find("HINT:") != std::string::npos);
  first.kill(SIGINT);
  CHECK(first.wait().code == 130);
}

TEST_CASE("A disk that is really full fails with a hint, and the job goes on when there is space") {
  auto small = SmallFileSystem::mount(400 << 10);
  if (!small) {
    MESSAGE("SKIPPED: no right to mount a tmpfs here");
    return;
  }
  const auto job = items_job(database(), small->path() / "job",
                             {"--chunk-rows", "1000", "-j", "2", "-Z", "none"});
  const auto full = job.run_export();
  INFO(full.text());
  CHECK(full.code == 1);
  CHECK((full.err.find("full") != std::string::npos ||
         full.err.find("o space left") != std::string::npos));
  CHECK(full.err.find("HINT:") != std::string::npos);
  if (std::filesystem::exists(job.directory / "manifest.json")) {
    // If there is one, it lists finished chunks only.
    CHECK(run(program({"verify", job.directory})).code == 0);
    CHECK(read_manifest_json(job.directory)["tables"][0]["rows"] != std::stol(row_count()));
  }
  small->resize(64 << 20);
  const auto resumed = job.run_resume();
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  CHECK(joined(check(job)) == "");
}

TEST_CASE("A disk that is full from the start is told at once") {
  auto small = SmallFileSystem::mount(16 << 10);
  if (!small) {
    MESSAGE("SKIPPED: no right to mount a tmpfs here");
    return;
  }
  const auto job = items_job(database(), small->path() / "job");
  const auto full = job.run_export();
  INFO(full.text());
  CHECK(full.code == 1);
  CHECK(full.err.find("HINT:") != std::string::npos);
  small->resize(64 << 20);
  CHECK(job.run_export().code == 0);
  CHECK(joined(check(job)) == "");
}
