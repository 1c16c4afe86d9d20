// What users see of `pgstride copy --create-schema`.
#include <doctest/doctest.h>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

using namespace pgstride::test;

namespace {

constexpr const char* k_shop = R"sql(
  CREATE SCHEMA shop; CREATE TYPE shop.mood AS ENUM ('sad', 'happy');
  CREATE FUNCTION shop.stamp() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN new.note := new.note || ''!''; RETURN new; END';
  CREATE TABLE shop.customers (id serial PRIMARY KEY, m shop.mood, note text UNIQUE);
  CREATE TABLE shop.orders (id int PRIMARY KEY, customer int REFERENCES shop.customers, note text);
  CREATE INDEX by_note ON shop.orders (note);
  CREATE TRIGGER stamp BEFORE INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.stamp();
  CREATE TABLE shop.loose (a int, note text);
  INSERT INTO shop.customers (m, note) SELECT 'happy', md5(i::text) FROM generate_series(1, 500) i;
  ALTER TABLE shop.orders DISABLE TRIGGER stamp;
  INSERT INTO shop.orders SELECT i, 1 + i % 500, repeat('o', 100) FROM generate_series(1, 2000) i;
  ALTER TABLE shop.orders ENABLE TRIGGER stamp;
  INSERT INTO shop.loose SELECT i % 5, repeat('l', 200) FROM generate_series(1, 2000) i)sql";

struct Shop {
  std::string source_name = cli_cluster().create_database("from");
  std::string target_name = cli_cluster().create_database("into");
  TempDir dir;
  CopyJob job{.source = cli_cluster().conninfo(source_name),
              .targets = {cli_cluster().conninfo(target_name)},
              .directory = dir / "job",
              .kinds = {},
              .options = {"--create-schema", "--chunk-rows", "200", "-j", "2"}};

  Shop() { pg_exec(job.source, k_shop); }

  [[nodiscard]] Ended copy(const std::vector<std::string>& more = {}) const {
    return run(job.copy_command(more));
  }

  [[nodiscard]] std::string in_target(const std::string& sql, std::size_t target = 0) const {
    return pg_exec(job.targets.at(target), sql);
  }

  void check_same(std::size_t target = 0) const {
    for (const std::string table : {"shop.customers", "shop.orders", "shop.loose"}) {
      const auto sql = "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM " + table + " t";
      CHECK(in_target(sql, target) == pg_exec(job.source, sql));
    }
    const std::string objects =
        "SELECT string_agg(conname || pg_get_constraintdef(oid), ' ' ORDER BY conname),"
        " (SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes"
        "  WHERE schemaname = 'shop'),"
        " (SELECT string_agg(pg_get_triggerdef(oid), ' ') FROM pg_trigger WHERE NOT tgisinternal)"
        " FROM pg_constraint WHERE connamespace = 'shop'::regnamespace";
    CHECK(in_target(objects, target) == pg_exec(job.source, objects));
    CHECK(in_target("SELECT to_regnamespace('pgstride')", target) == "");
  }

  // Exit code 2 and a hint; no directory; the target as it was.
  void check_refused(const Ended& ended, const std::string& words) const {
    INFO(ended.text());
    CHECK(ended.code == 2);
    CHECK(ended.err.find(words) != std::string::npos);
    CHECK(ended.err.find("HINT:") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(job.directory));
    CHECK(in_target("SELECT to_regnamespace('pgstride'), to_regtype('shop.mood')") == "|");
  }
};

}  // namespace

TEST_CASE("--create-schema makes the tables on each target, with keys, indexes and triggers") {
  Shop shop;
  shop.job.targets.push_back(cli_cluster().conninfo(cli_cluster().create_database("into")));
  const auto ended = shop.copy();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  for (const std::size_t target : {0U, 1U}) {
    shop.check_same(target);
    CHECK(shop.in_target("INSERT INTO shop.customers (note) VALUES ('new') RETURNING id", target) ==
          "501");
  }
}

TEST_CASE("Paused, a job of --create-schema goes on; indexes come at the end") {
  const Shop shop;
  REQUIRE(shop.copy({"--max-chunks", "3"}).code == 3);
  CHECK(shop.in_target("SELECT count(*) FROM pg_indexes WHERE schemaname = 'shop'") == "0");
  const auto ended = shop.job.run_resume();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  shop.check_same();
}

TEST_CASE("--create-schema with --defer-indexes forgets no index") {
  const Shop shop;
  REQUIRE(shop.copy({"--defer-indexes", "--max-chunks", "3"}).code == 3);
  const auto ended = shop.job.run_resume();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  shop.check_same();
}

TEST_CASE("--create-schema is refused, with nothing changed, where tables are there or can't be") {
  const Shop shop;
  shop.check_refused(shop.copy({"--map", "shop.loose=shop.other"}), "does not go with --map");
  shop.check_refused(shop.copy({"--pg-dump", "/no/such/pg_dump"}), "--pg-dump /no/such/pg_dump");
  const auto old = shop.dir / "old";
  std::filesystem::create_directory(old);
  for (const std::string name : {"pg_dump", "pg_restore"}) {
    write_text(old / name, "#!/bin/sh\necho '" + name + " (PostgreSQL) 9.6.1'\n");
    std::filesystem::permissions(old / name, std::filesystem::perms::owner_all);
  }
  shop.check_refused(shop.copy({"--pg-dump", (old / "pg_dump").string()}),
                     "is version 9, older than the source");
  pg_exec(shop.job.source, "CREATE TABLE child () INHERITS (shop.loose)");
  shop.check_refused(shop.copy(), "public.child inherits from shop.loose");
  pg_exec(shop.job.source, "DROP TABLE child; CREATE VIEW v AS SELECT 1 AS one");
  shop.check_refused(shop.copy({"-t", "v"}), "can't make a table of public.v");
  (void)shop.in_target("CREATE SCHEMA shop; CREATE TABLE shop.loose (b int)");
  shop.check_refused(shop.copy(), "the target has shop.loose already");
}

TEST_CASE("--restart drops the tables that the job made, and makes them again") {
  const Shop shop;
  REQUIRE(shop.copy({"--max-chunks", "3"}).code == 3);
  pg_exec(shop.job.source, "ALTER TABLE shop.loose ADD more int DEFAULT 5");
  const auto ended = shop.copy({"--restart", "--yes"});
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  shop.check_same();
  const auto done = shop.copy({"--restart", "--yes"});
  INFO(done.text());
  CHECK(done.code == 2);
  CHECK(done.err.find("already") != std::string::npos);
  CHECK(shop.job.status()["state"] == "done");
  shop.check_same();
}
