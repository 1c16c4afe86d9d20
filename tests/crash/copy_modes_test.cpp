// Copies in batches and with rejects, killed at each named step and resumed until done: each good
// row once, each bad one once in the rejects. The target's table has no unique index where none is
// needed, so that nothing hides a row that comes twice.
#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "harness/copy_job.hpp"
#include "support/temp_cluster.hpp"

using namespace pgstride::test;

namespace {

struct Mode {
  std::vector<std::string> options;
  std::string target;    ///< its table
  std::string expected;  ///< count, sum of ids, count of the source's notes
  std::string rejected;  ///< count, distinct ids, sum of ids
};

const std::string k_keyless = "CREATE TABLE items (id bigint, n int, note text);";
const std::string k_held = "CREATE TABLE items (id bigint PRIMARY KEY, n int, note text);"
                           "INSERT INTO items SELECT i, i, 'old' FROM generate_series(501, 700) i;";

// 600 rows, of which every fiftieth is bad.
const std::vector<Mode> k_modes = {
    {{"--mode", "copy"}, k_keyless, "588|176400|588", "12|12|3900"},
    {{"--mode", "insert"}, k_keyless, "588|176400|588", "12|12|3900"},
    {{"--mode", "upsert"}, k_held, "690|242600|588", "12|12|3900"},
    {{"--on-conflict", "skip"}, k_held, "690|242600|490", "110|110|57800"},
};

const std::string& source_database() {
  static const std::string database = [] {
    auto name = shared_cluster().create_database("modes");
    shared_cluster().exec("CREATE TABLE items (id bigint PRIMARY KEY, n text, note text);"
                          "INSERT INTO items SELECT i, CASE WHEN i % 50 = 0 THEN 'bad' ELSE i::text"
                          " END, 'new' FROM generate_series(1, 600) i",
                          name);
    return name;
  }();
  return database;
}

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

std::string rejected(const CopyJob& job, const std::string& database) {
  auto session = shared_cluster().session(database);
  session.exec("CREATE TABLE back (id bigint, n text, note text);"
               "CREATE TABLE why (chunk text, target int, state text, col text, message text,"
               "                  detail text, file text, line text)");
  const auto rejects = job.directory / "rejects";
  const auto load = [&](const std::string& table, const std::string& file) {
    return session.copy_in("COPY " + table + " FROM STDIN WITH (FORMAT csv, HEADER)",
                           [&](const auto& put) { put(text_of(rejects / file)); });
  };
  CHECK(load("back", "public.items.csv") == load("why", "public.items.errors.csv"));
  CHECK_FALSE(std::filesystem::exists(rejects / "parts"));
  return session.exec("SELECT count(*), count(DISTINCT id), sum(id) FROM back");
}

void check_killed_at(const std::string& at, const Mode& mode) {
  const auto database = shared_cluster().create_database("into");
  shared_cluster().exec(mode.target, database);
  TempDir dir;
  CopyJob job{
      .source = shared_cluster().conninfo(source_database()),
      .targets = {shared_cluster().conninfo(database)},
      .directory = dir / "job",
      .kinds = {},
      .options = {"--chunk-rows", "100", "-j", "2", "--batch-rows", "30", "--reject-limit", "110"},
      .run_options = {"--consistency", "fuzzy"}};
  job.options.insert(job.options.end(), mode.options.begin(), mode.options.end());
  const auto killed = job.run_copy({{"PGSTRIDE_CRASH_AT", at}});
  INFO(killed.text());
  REQUIRE(killed.signal == SIGKILL);
  const auto again = job.run_copy({{"PGSTRIDE_CRASH_AT", at}});
  INFO(again.text());
  const bool killed_or_done = again.signal == SIGKILL || again.code == 6;
  CHECK(killed_or_done);
  const auto last = job.is_planned() ? job.run_resume() : job.run_copy();
  INFO(last.text());
  REQUIRE(last.code == 6);
  auto target = shared_cluster().session(database);
  CHECK(target.exec("SELECT count(*), sum(id), count(*) FILTER (WHERE note = 'new') FROM items") ==
        mode.expected);
  CHECK(rejected(job, database) == mode.rejected);
  CHECK(joined(check_end(job)) == "");
  shared_cluster().exec("DROP DATABASE " + database + " (FORCE)");
}

}  // namespace

TEST_CASE("Killed at any named step and resumed, batches and rejects come once") {
  for (const auto& mode : k_modes) {
    for (const std::string at :
         {"ledger_written:1", "ledger_written:5", "chunk_copied:2", "rejects_written:1",
          "rejects_written:4", "chunk_before_commit:1", "chunk_before_commit:5",
          "chunk_after_commit:1", "chunk_after_commit:4", "checkpoint_before_commit:9",
          "checkpoint_after_commit:9", "rejects_joined:1", "load_ended:1", "ledger_dropped:1"}) {
      const auto name = mode.options[1] + " " + at;
      DOCTEST_SUBCASE(name.c_str()) {
        CAPTURE(name);
        check_killed_at(at, mode);
      }
    }
  }
}

TEST_CASE("A commit that was not heard of, over and over: batches and rejects come once") {
  for (const auto& mode : k_modes) {
    CAPTURE(mode.options[1]);
    const auto database = shared_cluster().create_database("into");
    shared_cluster().exec(mode.target, database);
    TempDir dir;
    CopyJob job{
        .source = shared_cluster().conninfo(source_database()),
        .targets = {shared_cluster().conninfo(database)},
        .directory = dir / "job",
        .kinds = {},
        .options = {"--chunk-rows", "20", "-j", "2", "--batch-rows", "7", "--reject-limit", "110"},
        .run_options = {"--consistency", "fuzzy"}};
    job.options.insert(job.options.end(), mode.options.begin(), mode.options.end());
    for (int kills = 0;; ++kills) {
      // Each run comes further than the last, as what is in stays.
      const auto ended = job.run_copy({{"PGSTRIDE_CRASH_AT", "chunk_after_commit:3"}});
      INFO(ended.text());
      if (ended.signal != SIGKILL) {
        REQUIRE(ended.code == 6);
        CHECK(kills > 5);
        break;
      }
    }
    auto target = shared_cluster().session(database);
    CHECK(
        target.exec("SELECT count(*), sum(id), count(*) FILTER (WHERE note = 'new') FROM items") ==
        mode.expected);
    CHECK(rejected(job, database) == mode.rejected);
    shared_cluster().exec("DROP DATABASE " + database + " (FORCE)");
  }
}
