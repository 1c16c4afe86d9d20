// What users see of --reject-limit.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

using namespace pgstride::test;

namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// 1000 rows; `n` of every hundredth is no number.
const std::string k_source =
    "CREATE TABLE items (id bigint PRIMARY KEY, n text, note text);"
    "INSERT INTO items SELECT i, CASE WHEN i % 100 = 7 THEN 'bad, \"' || i "
    "ELSE i::text END, E'two\\nlines' FROM generate_series(1, 1000) i;";
const std::string k_target = "CREATE TABLE items (id bigint PRIMARY KEY, n int, note text);";

/// A copy between two new databases.
struct Rejects {
  std::string source_name = cli_cluster().create_database("from");
  std::vector<std::string> target_names;
  TempDir dir;
  CopyJob job;

  explicit Rejects(const std::string& target_sql = k_target,
                   const std::string& source_sql = k_source, int targets = 1) {
    job.source = cli_cluster().conninfo(source_name);
    pg_exec(job.source, source_sql);
    job.directory = dir / "job";
    job.options = {"--chunk-rows", "250", "-j", "2"};
    for (int i = 0; i < targets; ++i) {
      target_names.push_back(cli_cluster().create_database("into"));
      job.targets.push_back(cli_cluster().conninfo(target_names.back()));
      pg_exec(job.targets.back(), target_sql);
    }
  }

  [[nodiscard]] Ended copy(const std::vector<std::string>& more) const {
    return run(job.copy_command(more));
  }
  [[nodiscard]] std::string there(const std::string& sql, std::size_t target = 0) const {
    return pg_exec(job.targets.at(target), sql);
  }
  [[nodiscard]] std::filesystem::path file(const std::string& name) const {
    return job.directory / "rejects" / name;
  }

  // Rejected rows, loaded into a table of texts of the source, in the file's order; with the errors
  // beside them.
  [[nodiscard]] std::string loaded_back(const std::string& name = "public.items") const {
    PgSession session(job.source);
    session.exec(
        "DROP TABLE IF EXISTS back, why;"
        "CREATE TABLE back (id bigint, n text, note text, place serial);"
        "CREATE TABLE why (chunk text, target int, sqlstate text, \"column\" text,"
        "                  message text, detail text, file text, line text, place serial)");
    const auto put = [&](const std::string& table, const std::string& file_name) {
      session.copy_in("COPY " + table + " FROM STDIN WITH (FORMAT csv, HEADER)",
                      [&](const auto& bytes) { bytes(text_of(file(file_name))); });
    };
    put("back (id, n, note)", name + ".csv");
    put("why (chunk, target, sqlstate, \"column\", message, detail, file, line)",
        name + ".errors.csv");
    CHECK(session.exec("SELECT (SELECT count(*) FROM back) = (SELECT count(*) FROM why)") == "t");
    return session.exec("SELECT string_agg(id || ':' || sqlstate, ' ' ORDER BY id) FROM back JOIN "
                        "why USING (place)");
  }
};

const std::string k_ten_bad = "7:22P02 107:22P02 207:22P02 307:22P02 407:22P02 507:22P02 607:22P02 "
                              "707:22P02 807:22P02 907:22P02";

}  // namespace

TEST_CASE("Bad rows go to the rejects in a form that can be loaded, the others are there") {
  for (const std::vector<std::string>& mode :
       {std::vector<std::string>{}, {"--mode", "insert"}, {"--mode", "upsert"}}) {
    CAPTURE(mode.size());
    CAPTURE(mode.empty() ? "" : mode[1]);
    Rejects f;
    auto options = mode;
    options.insert(options.end(), {"--reject-limit", "10"});
    const auto ended = f.copy(options);
    INFO(ended.text());
    REQUIRE(ended.code == 6);
    CHECK(says(ended.err, "rejects/public.items.csv"));
    CHECK(f.there("SELECT count(*), sum(id), count(*) FILTER (WHERE id % 100 = 7) FROM items") ==
          "990|495930|0");
    CHECK(f.loaded_back() == k_ten_bad);
    PgSession source(f.job.source);
    CHECK(source.exec("SELECT count(*) FROM back JOIN items USING (id, n, note)") == "10");
    CHECK(
        source.exec("SELECT message, target, chunk LIKE 'public.items chunk %' FROM why LIMIT 1") ==
        "invalid input syntax for type integer: \"bad, \"7\"|1|t");
    if (mode.empty() || mode[1] == "upsert") {  // by COPY, which knows the column
      CHECK(source.exec("SELECT DISTINCT \"column\" FROM why") == "n");
    }
    CHECK_FALSE(std::filesystem::exists(f.file("parts")));
    CHECK(f.job.status()["tables"][0]["rejected"] == 10);
    CHECK(f.copy(options).code == 6);
    CHECK(f.there("SELECT count(*) FROM items") == "990");
  }
}

TEST_CASE("One bad row more than --reject-limit fails its chunk, of which nothing is loaded") {
  Rejects f;
  f.job.options = {"--chunk-rows", "250", "-j", "1"};
  auto ended = f.copy({"--reject-limit", "9"});
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(says(ended.err, "--reject-limit 9"));
  const auto loaded = f.there("SELECT count(DISTINCT id / 250), count(*) FROM items");
  INFO(loaded);
  CHECK(f.there("SELECT count(*) FROM items WHERE id > 760") == "0");  // of the last chunk
  // More are allowed now; what was rejected before counts.
  ended = f.copy({"--reject-limit", "10"});
  INFO(ended.text());
  CHECK(ended.code == 6);
  CHECK(f.there("SELECT count(*) FROM items") == "990");
  CHECK(f.loaded_back() == k_ten_bad);
}

TEST_CASE("Without --reject-limit, or with 0, the first bad row fails its chunk") {
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{}, {"--reject-limit", "0"}}) {
    const Rejects f;
    const auto ended = f.copy(options);
    INFO(ended.text());
    CHECK(ended.code == 1);
    CHECK(says(ended.err, "invalid input syntax for type integer"));
    CHECK_FALSE(std::filesystem::exists(f.file("public.items.csv")));
  }
}

TEST_CASE("Constraints reject rows, deferred ones too") {
  struct Case {
    std::string target;
    std::string sqlstate;
  };
  const std::string items = "CREATE TABLE items (id bigint PRIMARY KEY, n text, note text";
  for (const auto& [target, sqlstate] : std::vector<Case>{
           {items + ", CHECK (n NOT LIKE 'bad%'))", "23514"},
           {items + "); CREATE TABLE numbers (n text PRIMARY KEY); INSERT INTO numbers SELECT "
                    "generate_series(1, 1000)::text; ALTER TABLE items ADD FOREIGN KEY (n) "
                    "REFERENCES numbers",
            "23503"},
           {items + "); CREATE TABLE numbers (n text PRIMARY KEY); INSERT INTO numbers SELECT "
                    "generate_series(1, 1000)::text; ALTER TABLE items ADD FOREIGN KEY (n) "
                    "REFERENCES numbers DEFERRABLE INITIALLY DEFERRED",
            "23503"}}) {
    CAPTURE(target);
    Rejects f(target);
    const auto ended = f.copy({"-t", "items", "--reject-limit", "10"});
    INFO(ended.text());
    REQUIRE(ended.code == 6);
    CHECK(f.there("SELECT count(*) FROM items") == "990");
    auto expected = k_ten_bad;
    for (auto at = expected.find("22P02"); at != std::string::npos; at = expected.find("22P02")) {
      expected.replace(at, 5, sqlstate);
    }
    CHECK(f.loaded_back() == expected);
  }
}

TEST_CASE("The second of two rows with one key is rejected where conflicts are errors") {
  const std::string table = "CREATE TABLE items (id bigint, n int, note text);";
  for (const std::string mode : {"copy", "insert"}) {
    CAPTURE(mode);
    Rejects f(table + "ALTER TABLE items ADD PRIMARY KEY (id)",
              table + "INSERT INTO items SELECT i % 90, i, 'x' FROM generate_series(0, 99) i");
    f.job.options = {"--split", "none", "-j", "1"};
    const auto ended = f.copy({"--mode", mode, "--reject-limit", "10"});
    INFO(ended.text());
    REQUIRE(ended.code == 6);
    CHECK(f.there("SELECT count(*), max(n) FROM items") == "90|89");
    CHECK(f.loaded_back() == "0:23505 1:23505 2:23505 3:23505 4:23505 5:23505 6:23505 7:23505 "
                             "8:23505 9:23505");
  }
}

TEST_CASE("Each of two targets has rejects of its own, and the limit is for both") {
  Rejects f(k_target, k_source, 2);
  pg_exec(f.job.targets[1], "ALTER TABLE items ALTER n TYPE text");
  const auto ended = f.copy({"--reject-limit", "10"});
  INFO(ended.text());
  REQUIRE(ended.code == 6);
  CHECK(f.there("SELECT count(*) FROM items", 0) == "990");
  CHECK(f.there("SELECT count(*) FROM items", 1) == "1000");
  CHECK(f.loaded_back("target-1/public.items") == k_ten_bad);
  CHECK_FALSE(std::filesystem::exists(f.file("target-2")));
}

TEST_CASE("A paused job shows what it has rejected, its resume goes on with the limit") {
  Rejects f;
  f.job.options = {"--chunk-rows", "100", "-j", "1", "--reject-limit", "10"};
  auto ended = f.copy({"--max-chunks", "3"});
  INFO(ended.text());
  REQUIRE(ended.code == 3);
  const auto early = f.loaded_back();
  CHECK(k_ten_bad.starts_with(early));
  CHECK(early.size() > 3);
  ended = f.job.run_resume();
  INFO(ended.text());
  REQUIRE(ended.code == 6);
  CHECK(f.loaded_back() == k_ten_bad);
}

TEST_CASE("Files of rejects go once a table that is loaded again whole has none") {
  Rejects f("CREATE TABLE items (id bigint, n int, note text)",
            "CREATE TABLE items (id bigint, n text, note text); INSERT INTO items SELECT i, CASE "
            "WHEN i < 4 THEN 'bad' ELSE '1' END, repeat('x', 200) FROM generate_series(1, 1000) i");
  f.job.options = {"--chunk-rows", "100", "-j", "1", "--reject-limit", "10"};
  REQUIRE(f.copy({"--max-chunks", "3"}).code == 3);
  CHECK(std::filesystem::exists(f.file("public.items.csv")));
  CHECK(std::filesystem::exists(f.file("public.items.errors.csv")));
  pg_exec(f.job.source, "UPDATE items SET n = '2' WHERE n = 'bad'");
  const auto ended = f.job.run_resume();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(f.there("SELECT count(*) FROM items") == "1000");
  CHECK_FALSE(std::filesystem::exists(f.file("public.items.csv")));
  CHECK_FALSE(std::filesystem::exists(f.file("public.items.errors.csv")));
}
