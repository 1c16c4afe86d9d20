#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "plan_check.hpp"

using namespace pgstride;
using namespace pgstride::test;

namespace {

ChunkOptions rows_per_chunk(std::int64_t rows) {
  ChunkOptions options;
  options.chunk_rows = rows;
  return options;
}

}  // namespace

TEST_CASE("A table with a primary key is cut into even ranges by its index") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (id bigint PRIMARY KEY, v text);"
          "INSERT INTO t SELECT g * g, 'x' || g FROM generate_series(-500, 10000) g WHERE g >= 0");
  const auto planned = plan_one(db.connection(), "t", rows_per_chunk(1000));
  CHECK(planned.table.split == Split::key);
  CHECK(planned.table.key->primary);
  CHECK(wrong_with(db.connection(), planned) == "");
  const auto rows = chunk_rows(db.connection(), planned);
  CHECK(rows.size() == 11);
  CHECK(*std::max_element(rows.begin(), rows.end()) <= 1000);
  CHECK_FALSE(planned.chunks.front().lower);
  CHECK_FALSE(planned.chunks.back().upper);
  db.exec("INSERT INTO t VALUES (-9223372036854775808, 'min'), (9223372036854775807, 'max')");
  CHECK(wrong_with(db.connection(), planned) == "");
}

TEST_CASE("A table without an index is cut by ctid") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (id int, v text);"
          "INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 5000) g");
  ChunkOptions options;
  options.chunk_bytes = 64 << 10;
  const auto planned = plan_one(db.connection(), "t", options);
  CHECK(planned.table.split == Split::ctid);
  CHECK(planned.chunks.size() > 5);
  CHECK(wrong_with(db.connection(), planned) == "");
  db.exec("INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 5000) g");
  CHECK(wrong_with(db.connection(), planned) == "");
  CHECK(sequential_chunk(db.connection(), planned) == "");
}

TEST_CASE("Rows without a key are a chunk of their own, also those that come later") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (k int, v text); CREATE INDEX ON t (k);"
          "INSERT INTO t SELECT g, 'x' FROM generate_series(1, 5000) g");
  auto options = rows_per_chunk(500);
  options.keys = {{"t", "k"}};
  const auto planned = plan_one(db.connection(), "public.t", options);
  CHECK(planned.table.split == Split::key);
  CHECK(planned.chunks.back().kind == ChunkKind::null_keys);
  db.exec("INSERT INTO t SELECT NULL, 'x' FROM generate_series(1, 100) g");
  CHECK(wrong_with(db.connection(), planned) == "");
  CHECK(chunk_rows(db.connection(), planned).back() == 100);
}

TEST_CASE("A value in nine of ten rows is cut further by pages") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (k int NOT NULL, id int PRIMARY KEY, v text); CREATE INDEX ON t (k);"
          "INSERT INTO t SELECT CASE WHEN g % 10 = 0 THEN g ELSE 7 END, g, 'x'"
          " FROM generate_series(1, 20000) g; ANALYZE t");
  auto options = rows_per_chunk(500);
  options.keys = {{"t", "k"}};
  const auto planned = plan_one(db.connection(), "t", options);
  CHECK(wrong_with(db.connection(), planned) == "");
  const auto rows = chunk_rows(db.connection(), planned);
  CHECK(*std::max_element(rows.begin(), rows.end()) < 1000);
}
