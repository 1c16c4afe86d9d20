#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <fmt/format.h>

#include "key_types.hpp"
#include "plan_check.hpp"
#include "support/temp_dir.hpp"

using namespace pgstride;
using namespace pgstride::test;

namespace {

constexpr int k_rows = 3000;

// The seed of all random rows; PGSTRIDE_SEED chooses another.
unsigned seed() {
  const char* chosen = std::getenv("PGSTRIDE_SEED");
  return chosen == nullptr ? 1 : static_cast<unsigned>(std::atoi(chosen));
}

std::string setseed_sql(int number) {
  return fmt::format("SELECT setseed({});",
                     (seed() * 37 + static_cast<unsigned>(number)) % 1000 / 1000.0);
}

// A value of nine in thirty rows is common, one in twenty is NULL, some are at the ends of the
// order.
std::string value_sql(const KeyType& type) {
  const auto plain = type.type.substr(0, type.type.find(" COLLATE"));
  const auto ends = fmt::format("(ARRAY[{}]::{}[])", type.extremes, plain);
  const auto end = type.extremes.empty()
                       ? ""
                       : fmt::format("WHEN r < 0.1 THEN {0}[1 + i % array_length({0}, 1)]", ends);
  return fmt::format("(CASE WHEN r < 0.05 THEN NULL {0} "
                     "WHEN r < 0.4 THEN (SELECT {1} FROM (SELECT 7 AS i) s) ELSE {1} END)",
                     end, type.random);
}

std::string insert_sql(const std::string& table, const KeyType& type, int rows) {
  return fmt::format("INSERT INTO {} SELECT {}, 'row ' || g FROM (SELECT g, random() AS r, "
                     "(random() * 1000000)::int AS i FROM generate_series(1, {}) g) s;",
                     table, value_sql(type), rows);
}

// What happens to the table between the plan and the reading: rows come, go and move.
std::string change_sql(const std::string& table, const KeyType& type) {
  return insert_sql(table, type, k_rows / 3) +
         fmt::format("DELETE FROM {0} WHERE random() < 0.2;"
                     "UPDATE {0} SET k = {1} FROM (SELECT random() AS r, (random() * 1000000)::int "
                     "AS i) s WHERE random() < 0.2;",
                     table, value_sql(type));
}

// The user's own bounds: every 50th value, as the server prints them.
Planned cut_by_own_bounds(pg::Connection& connection, const std::string& table) {
  const auto every = cut_from(connection, table, plan::BoundsSource::walk);
  TempDir dir;
  const auto path = dir / "bounds";
  {
    std::ofstream file(path, std::ios::binary);
    for (const auto& chunk : every.chunks) {
      if (chunk.lower && !chunk.page_lower &&
          chunk.lower->front().find('\n') == std::string::npos) {
        file << chunk.lower->front() << "\n";
      }
    }
  }
  ChunkOptions options;
  options.keys = {{table, "k"}};
  options.bounds = {{table, path.string()}};
  return plan_one(connection, table, options);
}

}  // namespace

TEST_CASE("Every row is in exactly one chunk, for every key type and source of bounds") {
  PlanDatabase db;
  const bool citext = db.has_extension("citext");
  db.exec(prepare_types_sql(citext));
  auto& connection = db.connection();
  INFO("seed ", seed());
  int number = 0;
  for (const auto& type : key_types(citext)) {
    CAPTURE(type.name);
    const auto table = "t_" + type.name;
    const auto setseed = setseed_sql(++number);
    db.exec(setseed + fmt::format("CREATE TABLE {} (k {}, v text);", table, type.type) +
            insert_sql(table, type, k_rows) +
            fmt::format("CREATE INDEX ON {} (k); ANALYZE {}", table, table));
    const std::vector<Planned> plans{
        cut_from(connection, table, plan::BoundsSource::walk),
        cut_from(connection, table, plan::BoundsSource::histogram),
        cut_from(connection, table, plan::BoundsSource::sample),
        cut_by_own_bounds(connection, table),
    };
    for (std::size_t i = 0; i < plans.size(); ++i) {
      CAPTURE(i);
      CHECK(plans[i].table.split == Split::key);
      CHECK(plans[i].table.key->index == table + "_k_idx");
      CHECK(plans[i].chunks.size() > 2);
      CHECK(wrong_with(connection, plans[i]) == "");
    }
    CHECK(sequential_chunk(connection, plans[0]) == "");
    db.exec(setseed + change_sql(table, type));
    for (std::size_t i = 0; i < plans.size(); ++i) {
      CAPTURE(i);
      CHECK(wrong_with(connection, plans[i]) == "");
    }
    db.exec("DROP INDEX " + table + "_k_idx");
    const auto without_index = cut_from(connection, table, plan::BoundsSource::walk);
    CHECK(without_index.table.key->index == "");
    CHECK(wrong_with(connection, without_index) == "");
  }
}

TEST_CASE("Every row is in exactly one chunk of a key of several columns") {
  struct Case {
    std::string name;
    std::string columns;
    std::string index;
    std::string key;  ///< for --key, or empty
    std::string a = "i % 40";
    std::string b = "(i / 40)::text";
    bool indexed = true;
  };
  const std::vector<Case> cases{
      {.name = "by_primary", .columns = "a int, b text", .index = "PRIMARY KEY (a, b)", .key = ""},
      {.name = "three",
       .columns = "a int, b text, c int DEFAULT 3",
       .index = "PRIMARY KEY (a, c, b)",
       .key = ""},
      {.name = "by_unique",
       .columns = "a int NOT NULL, b text NOT NULL",
       .index = "UNIQUE (a, b) DEFERRABLE",
       .key = "a,b"},
      {.name = "two_schemas",
       .columns = "a citext NOT NULL, b int NOT NULL",
       .index = "UNIQUE (a, b)",
       .key = "a,b",
       .a = "(ARRAY['a','A','b','B','ä','Ä'])[1 + i % 6]",
       .b = "i"},
      {.name = "nullable",
       .columns = "a int, b text COLLATE swedish",
       .index = "UNIQUE (a, b)",
       .key = "a,b",
       .a = "NULLIF(i % 40, 3)",
       .b = "NULLIF((i / 40)::text, '5')"},
      {.name = "prefix", .columns = "a int, b text", .index = "PRIMARY KEY (a, b)", .key = "a"},
      {.name = "no_index",
       .columns = "a int, b text",
       .index = "CHECK (true)",
       .key = "b,a",
       .a = "NULLIF(i % 40, 3)",
       .b = "NULLIF((i / 40)::text, '5')",
       .indexed = false},
  };
  PlanDatabase db;
  const bool citext = db.has_extension("citext");
  db.exec(prepare_types_sql(citext));
  auto& connection = db.connection();
  INFO("seed ", seed());
  int number = 0;
  for (const auto& one : cases) {
    CAPTURE(one.name);
    if (!citext && one.columns.find("citext") != std::string::npos) {
      continue;
    }
    const auto rows =
        fmt::format("INSERT INTO {} (a, b) SELECT {}, {} FROM (SELECT (random() * 1000000)::int AS "
                    "i FROM generate_series(1, 3000)) s ON CONFLICT DO NOTHING;",
                    one.name, one.a, one.b);
    const auto insert =
        one.name == "by_unique"
            ? fmt::format("INSERT INTO {} SELECT DISTINCT {}, {} FROM (SELECT (random() * "
                          "1000000)::int AS i FROM generate_series(1, 3000)) s;",
                          one.name, one.a, one.b)
            : rows;
    db.exec(setseed_sql(++number) +
            fmt::format("CREATE TABLE {} ({}, {});", one.name, one.columns, one.index) + insert +
            "ANALYZE " + one.name);
    ChunkOptions options;
    options.chunk_rows = 100;
    if (!one.key.empty()) {
      options.keys = {{one.name, one.key}};
    }
    const auto planned = plan_one(connection, one.name, options);
    CHECK(planned.table.split == Split::key);
    CHECK(planned.table.key->index.empty() != one.indexed);
    CHECK(planned.chunks.size() >= 20);
    CHECK(wrong_with(connection, planned) == "");
    if (one.indexed && one.name != "nullable") {
      CHECK(sequential_chunk(connection, planned) == "");
    }
    const auto largest = chunk_rows(connection, planned);
    CHECK(*std::max_element(largest.begin(), largest.end()) <= 250);
    db.exec(fmt::format("DELETE FROM {} WHERE random() < 0.3;", one.name) +
            (one.name == "by_unique" ? "" : rows));
    CHECK(wrong_with(connection, planned) == "");
  }
}

TEST_CASE("Bounds of an index in descending order ascend, and a mixed order is not used") {
  PlanDatabase db;
  db.exec(
      "CREATE TABLE t (a int NOT NULL, b int NOT NULL, c int NOT NULL);"
      "INSERT INTO t SELECT g % 50, g, g FROM generate_series(1, 3000) g;"
      "CREATE UNIQUE INDEX down ON t (a DESC, b DESC); CREATE UNIQUE INDEX mixed ON t (a DESC, c)");
  ChunkOptions options;
  options.chunk_rows = 100;
  const auto down = plan_one(db.connection(), "t", options);
  CHECK(down.table.key->index == "down");
  CHECK(wrong_with(db.connection(), down) == "");
  CHECK(sequential_chunk(db.connection(), down) == "");
  options.keys = {{"t", "a,c"}};
  const auto mixed = plan_one(db.connection(), "t", options);
  CHECK(mixed.table.key->index == "");
  CHECK(mixed.table.warnings.size() >= 1);
  CHECK(wrong_with(db.connection(), mixed) == "");
}

TEST_CASE("Partial, expression, invalid and foreign-ordered indexes are no keys") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (a int NOT NULL, b text NOT NULL, c int);"
          "INSERT INTO t SELECT g, g::text, g FROM generate_series(1, 3000) g;"
          "CREATE UNIQUE INDEX partial ON t (a) WHERE a > 10;"
          "CREATE UNIQUE INDEX expression ON t ((a + 1));"
          "CREATE UNIQUE INDEX pattern ON t (b text_pattern_ops);"
          "CREATE UNIQUE INDEX invalid ON t (a);"
          "CREATE UNIQUE INDEX nullable ON t (c);"
          "CREATE INDEX hash ON t USING hash (a);"
          "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'invalid'::regclass");
  ChunkOptions options;
  options.chunk_bytes = 16 << 10;
  const auto planned = plan_one(db.connection(), "t", options);
  CHECK(planned.table.split == Split::ctid);
  CHECK(wrong_with(db.connection(), planned) == "");
}

TEST_CASE("A filter and chosen columns hold in every chunk") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (id int PRIMARY KEY, a text, \"B c\" int, d int GENERATED ALWAYS AS (id "
          "+ 1) STORED);"
          "INSERT INTO t SELECT g, 'x', g % 3 FROM generate_series(1, 3000) g; ANALYZE t");
  SelectOptions select;
  select.tables = {"t"};
  select.where = {{"public.t", "\"B c\" = 1 -- a comment"}};
  select.columns = {{"t", "d, \"B c\",id"}};
  ChunkOptions options;
  options.chunk_rows = 100;
  for (const auto split : {SplitChoice::automatic, SplitChoice::ctid, SplitChoice::none}) {
    options.split = split;
    const auto planned = plan_all(db.connection(), select, options).at(0);
    CHECK(planned.table.columns.size() == 3);
    CHECK(planned.table.columns.at(0).generated);
    CHECK(planned.table.columns.at(1).name == "B c");
    CHECK(planned.table.estimated_rows == doctest::Approx(1000).epsilon(0.05));
    CHECK(wrong_with(db.connection(), planned) == "");
    std::int64_t sum = 0;
    for (const auto rows : chunk_rows(db.connection(), planned)) {
      sum += rows;
    }
    CHECK(sum == 1000);
  }
}
