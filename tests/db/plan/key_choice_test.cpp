#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "plan_check.hpp"

using namespace pgstride;
using namespace pgstride::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool warns_of(const Table& table, const std::string& part) {
  return std::any_of(table.warnings.begin(), table.warnings.end(),
                     [&](const std::string& warning) { return contains(warning, part); });
}

ChunkOptions small_chunks() {
  ChunkOptions options;
  options.chunk_bytes = 64 << 10;
  return options;
}

Table read_one(pg::Connection& connection, const std::string& pattern,
               const ChunkOptions& options) {
  SelectOptions select;
  select.tables = {pattern};
  return plan::read_tables(connection, select, options).at(0);
}

}  // namespace

TEST_CASE("A primary key goes before a unique index, and that before any other") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (a int NOT NULL UNIQUE, id int PRIMARY KEY, n int UNIQUE);"
          "CREATE TABLE u (a int NOT NULL UNIQUE, n int UNIQUE);"
          "CREATE TABLE w (a int, pad text); CREATE INDEX w_a ON w (a);"
          "INSERT INTO t SELECT g, g, g FROM generate_series(1, 9000) g;"
          "INSERT INTO u SELECT g, g FROM generate_series(1, 9000) g;"
          "INSERT INTO w SELECT g, repeat('x', 50) FROM generate_series(1, 9000) g;"
          "ANALYZE");
  auto& c = db.connection();
  const auto options = small_chunks();
  const auto t = read_one(c, "t", options);
  CHECK(t.key->index == "t_pkey");
  CHECK(t.key->primary);
  CHECK(contains(t.key_reason, "keeps what is done: fuzzy without a slot, exact with one"));
  const auto u = read_one(c, "u", options);
  CHECK(u.key->index == "u_a_key");
  CHECK_FALSE(u.key->primary);
  CHECK(warns_of(u, "may change"));
  CHECK(contains(u.key_reason, "exports the table again"));
  const auto w = read_one(c, "w", options);
  CHECK(w.key->index == "w_a");
  CHECK(w.key->columns.at(0).not_null == false);
}

TEST_CASE(
    "A key that does not follow the heap gives way to ctid, a primary key only beyond the cache") {
  PlanDatabase db;
  db.exec(
      "CREATE TABLE t (id uuid PRIMARY KEY, v text);"
      "INSERT INTO t SELECT gen_random_uuid(), repeat('x', 50) FROM generate_series(1, 9000);"
      "CREATE TABLE u (id uuid NOT NULL UNIQUE, v text); INSERT INTO u SELECT * FROM t; ANALYZE");
  auto& c = db.connection();
  const auto primary = read_one(c, "t", small_chunks());
  CHECK(primary.key->primary);
  CHECK(warns_of(primary, "does not follow the heap (correlation"));
  const auto unique = read_one(c, "u", small_chunks());
  CHECK(unique.split == Split::ctid);
  CHECK(contains(unique.key_reason, "does not follow the heap (correlation"));
  c.exec("SET effective_cache_size = '64kB'");
  CHECK(read_one(c, "t", small_chunks()).split == Split::ctid);
  auto options = small_chunks();
  options.split = SplitChoice::key;
  CHECK(read_one(c, "t", options).key->primary);
  CHECK(read_one(c, "u", options).key->index == "u_id_key");
  options.split = SplitChoice::automatic;
  options.keys = {{"u", "id"}};
  CHECK(read_one(c, "u", options).split == Split::key);
}

TEST_CASE("Split by ctid or none is what is done where it can be") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE heap (v text);"
          "INSERT INTO t SELECT g, repeat('x', 50) FROM generate_series(1, 9000) g;"
          "INSERT INTO heap SELECT v FROM t; CREATE VIEW v AS SELECT * FROM t;"
          "CREATE MATERIALIZED VIEW m AS SELECT * FROM t; ANALYZE");
  auto& c = db.connection();
  auto options = small_chunks();
  options.split = SplitChoice::ctid;
  for (const auto* name : {"t", "m"}) {
    const auto planned = plan_one(c, name, options);
    CHECK(planned.table.split == Split::ctid);
    CHECK(wrong_with(c, planned) == "");
    CHECK(sequential_chunk(c, planned) == "");
  }
  CHECK(plan_one(c, "v", options).chunks.size() == 1);
  options.split = SplitChoice::none;
  CHECK(plan_one(c, "t", options).chunks.size() == 1);
  options.split = SplitChoice::key;
  const auto heap = read_one(c, "heap", options);
  CHECK(heap.split == Split::ctid);
  CHECK(warns_of(heap, "no index to split by"));
}

TEST_CASE("A collation of another version is warned about, and its index not trusted") {
  PlanDatabase db;
  db.exec("CREATE COLLATION old (provider = icu, locale = 'de');"
          "CREATE TABLE t (k text COLLATE old PRIMARY KEY, v text);"
          "INSERT INTO t SELECT g::text, repeat('x', 50) FROM generate_series(1, 9000) g; ANALYZE;"
          "UPDATE pg_collation SET collversion = '1.2.3' WHERE collname = 'old'");
  auto& c = db.connection();
  const auto automatic = read_one(c, "t", small_chunks());
  CHECK(automatic.split == Split::ctid);
  CHECK(contains(automatic.key_reason, "REINDEX"));
  auto options = small_chunks();
  options.keys = {{"t", "k"}};
  CHECK(warns_of(read_one(c, "t", options), "REINDEX"));
}

TEST_CASE("A key without an index and an unlogged table are warned about") {
  PlanDatabase db;
  db.exec("CREATE UNLOGGED TABLE t (id int PRIMARY KEY, v int)");
  ChunkOptions options;
  options.keys = {{"t", "v"}};
  const auto table = read_one(db.connection(), "t", options);
  CHECK(warns_of(table, "no index begins with the key"));
  CHECK(warns_of(table, "unlogged"));
}
