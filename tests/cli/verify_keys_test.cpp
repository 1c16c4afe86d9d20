// `verify --keys` of a copy: which rows differ.
#include <doctest/doctest.h>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

using namespace pgstride::test;

namespace {

struct Copied {
  TempDir dir;
  CopyJob job;

  explicit Copied(const std::string& tables, const std::string& rows)
      : job{.source = cli_cluster().conninfo(cli_cluster().create_database("from")),
            .targets = {cli_cluster().conninfo(cli_cluster().create_database("into"))},
            .directory = dir / "job",
            .kinds = {},
            .options = {"--chunk-rows", "200", "-j", "2"}} {
    pg_exec(job.source, tables + rows);
    pg_exec(job.targets[0], tables);
    REQUIRE(job.run_copy().code == 0);
  }

  [[nodiscard]] Ended verify(std::vector<std::string> more) const {
    more.insert(more.begin(), {"verify", job.directory.string()});
    return run(program(more));
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("verify --keys names rows that are missing, extra and changed on the target") {
  const Copied copied("CREATE TABLE items (id bigint PRIMARY KEY, note text);"
                      "CREATE TABLE pairs (a int, b text, c int, PRIMARY KEY (a, b));",
                      "INSERT INTO items SELECT i, md5(i::text) FROM generate_series(1, 1000) i;"
                      "INSERT INTO pairs SELECT i % 3, 'b' || i, i FROM generate_series(1, 90) i");
  CHECK(copied.verify({"--keys"}).code == 0);
  pg_exec(copied.job.targets[0], "DELETE FROM items WHERE id = 305; UPDATE items SET note = 'x' "
                                 "WHERE id = 7; INSERT INTO items VALUES (7777, 'more');"
                                 "UPDATE pairs SET c = NULL WHERE a = 2 AND b = 'b5'");
  const auto ended = copied.verify({"--keys"});
  INFO(ended.text());
  CHECK(ended.code == 4);
  CHECK(has(ended.out, "  missing in target 1: 305\n"));
  CHECK(has(ended.out, "  changed in target 1: 7\n"));
  CHECK(has(ended.out, "  extra in target 1: 7777\n"));
  CHECK(has(ended.out, "  changed in target 1: 2, b5\n"));
  const auto plain = copied.verify({"--json"});
  CHECK_FALSE(has(plain.out, "keys"));
  const auto json = Json::parse(copied.verify({"--json", "--keys"}).out);
  std::string keys;
  for (const auto& difference : json["tables"][0]["differing"]) {
    for (const auto& key : difference["keys"]) {
      keys += key["what"].get<std::string>() + " " + key["key"].get<std::string>() + " ";
    }
    CHECK(difference["more_keys"] == 0);
  }
  CHECK(keys == "changed 7 missing 305 extra 7777 ");
}

TEST_CASE("verify --keys names a hundred rows of a chunk, and rows of tables without a key") {
  const Copied copied("CREATE TABLE loose (a int, note text);",
                      "INSERT INTO loose SELECT i, 'n' FROM generate_series(1, 2000) i");
  pg_exec(copied.job.targets[0], "DELETE FROM loose WHERE a > 1850");
  const auto ended = copied.verify({"--keys"});
  INFO(ended.text());
  CHECK(ended.code == 4);
  CHECK(has(ended.out, ", n\n  and 50 more\n"));
  const TempDir dir;
  const auto job = items_job(items_database(10), dir / "job");
  REQUIRE(run(job.export_command()).code == 0);
  CHECK(run(program({"verify", (dir / "job").string(), "--keys"})).code == 2);
}
