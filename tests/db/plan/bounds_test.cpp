#include <doctest/doctest.h>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <string>

#include "plan_check.hpp"
#include "support/temp_dir.hpp"

using namespace pgstride;
using namespace pgstride::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string usage_error(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

ChunkOptions by_interval(const std::string& interval) {
  ChunkOptions options;
  options.intervals = {{"t", interval}};
  options.chunk_rows = 1000;
  return options;
}

std::string lower(const Planned& planned, std::size_t chunk) {
  return planned.chunks.at(chunk).lower.value_or(KeyValue{"none"}).front();
}

long resident_kb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

TEST_CASE("An interval cuts on calendar boundaries in UTC, and heavy ones further") {
  PlanDatabase db;
  auto& c = db.connection();
  for (const std::string type : {"date", "timestamp", "timestamptz"}) {
    CAPTURE(type);
    db.exec(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (id int, at " + type +
        "); CREATE INDEX ON t (at);"
        "SET timezone = 'America/New_York';"
        "INSERT INTO t SELECT g, '2023-11-15 12:00'::timestamp + g * interval '1 day'"
        " FROM generate_series(0, 500) g;"
        "INSERT INTO t SELECT g, '2024-03-05'::timestamp + g * interval '1 second'"
        " FROM generate_series(0, 5000) g;"
        "INSERT INTO t VALUES (1, 'infinity'), (2, '-infinity'), (3, NULL), (4, '0044-03-15 BC');"
        "ANALYZE t");
    const auto months = plan_one(c, "t", by_interval("1 month"));
    CHECK(wrong_with(c, months) == "");
    CHECK(months.chunks.back().kind == ChunkKind::null_keys);
    CHECK(contains(lower(months, 1), "0044-03-01"));
    CHECK(contains(lower(months, 2), "2023-11-01"));
    CHECK(contains(lower(months, 3), "2023-12-01"));
    const auto rows = chunk_rows(c, months);
    CHECK(*std::max_element(rows.begin(), rows.end()) <= 1250);
    const auto quarters = plan_one(c, "t", by_interval("3 months"));
    CHECK(wrong_with(c, quarters) == "");
    CHECK(contains(lower(quarters, 1), "0044-01-01"));
    CHECK(contains(lower(quarters, 2), "2023-10-01"));
    const auto weeks = plan_one(c, "t", by_interval("1 week"));
    CHECK(wrong_with(c, weeks) == "");
    CHECK(contains(lower(weeks, 2), "2023-11-13"));
    CHECK(wrong_with(c, plan_one(c, "t", by_interval("10 years"))) == "");
    db.exec("INSERT INTO t SELECT g, '2030-01-01'::timestamp + g * interval '1 hour'"
            " FROM generate_series(-9000, 9000) g");
    CHECK(wrong_with(c, months) == "");
  }
  const auto hours = plan_one(c, "t", by_interval("36 hours"));
  CHECK(wrong_with(c, hours) == "");
}

TEST_CASE("An interval that no calendar has, or without a time key, is refused") {
  PlanDatabase db;
  auto& c = db.connection();
  db.exec("CREATE TABLE t (id int PRIMARY KEY, at date); INSERT INTO t VALUES (1, '2024-01-01')");
  CHECK(contains(usage_error([&] { plan_one(c, "t", by_interval("1 day")); }),
                 "no index of table public.t begins with a date or timestamp"));
  db.exec("CREATE INDEX ON t (at)");
  for (const auto* text : {"1 month 1 day", "0 days", "-1 day", "soon", "90 minutes"}) {
    CAPTURE(text);
    CHECK(contains(usage_error([&] { plan_one(c, "t", by_interval(text)); }), "--interval"));
  }
  auto options = by_interval("1 day");
  options.keys = {{"t", "id"}};
  CHECK(contains(usage_error([&] { plan_one(c, "t", options); }), "not one date or timestamp"));
}

TEST_CASE("The user's bounds are taken as they are, in the order of the key's collation") {
  PlanDatabase db;
  auto& c = db.connection();
  db.exec("CREATE COLLATION swedish (provider = icu, locale = 'sv-SE');"
          "CREATE TABLE t (k text COLLATE swedish PRIMARY KEY);"
          "INSERT INTO t SELECT DISTINCT chr(97 + g % 26) || g FROM generate_series(1, 1000) g;"
          "INSERT INTO t VALUES ('ö'), ('z'), ('å')");
  TempDir dir;
  const auto bounds = [&](const std::string& text) {
    std::ofstream(dir / "bounds", std::ios::binary) << text;
    ChunkOptions options;
    options.bounds = {{"t", dir / "bounds"}};
    return plan_one(c, "t", options);
  };
  const auto planned = bounds("c\nz\nö\n");
  CHECK(planned.chunks.size() == 4);
  CHECK(lower(planned, 3) == "ö");
  CHECK(wrong_with(c, planned) == "");
  CHECK(planned.table.key_reason.starts_with("--bounds, primary key t_pkey"));
  CHECK(contains(usage_error([&] { bounds(""); }), "bounds\" is empty"));
  CHECK(contains(usage_error([&] { bounds("c\nö\nz\n"); }), "line 3: is not above"));
  CHECK(contains(usage_error([&] { bounds("c\nc\n"); }), "line 2: is not above"));
  ChunkOptions missing;
  missing.bounds = {{"t", dir / "nothing"}};
  CHECK(contains(usage_error([&] { plan_one(c, "t", missing); }), "can't read the bounds file"));
}

TEST_CASE("Many bounds are checked across batches, and a value of another type is named") {
  PlanDatabase db;
  auto& c = db.connection();
  db.exec("CREATE TABLE t (a int, b text, PRIMARY KEY (a, b));"
          "INSERT INTO t SELECT g, 'x' FROM generate_series(1, 9000) g");
  TempDir dir;
  ChunkOptions options;
  options.bounds = {{"t", dir / "bounds"}};
  const auto write = [&](int bad) {
    std::ofstream file(dir / "bounds");
    for (int i = 1; i <= 5000; ++i) {
      file << "(" << (i == bad ? 1 : i) << ",\"a,b\")\n";
    }
  };
  write(0);
  const auto planned = plan_one(c, "t", options);
  CHECK(planned.chunks.size() == 5001);
  CHECK(planned.chunks.at(2001).lower == KeyValue{"2001", "a,b"});
  for (const int bad : {2, 2000, 2001, 5000}) {
    write(bad);
    CHECK(contains(usage_error([&] { plan_one(c, "t", options); }),
                   "line " + std::to_string(bad) + ":"));
  }
  std::ofstream(dir / "bounds") << "(1,a)\n(two,b)\n";
  CHECK(contains(usage_error([&] { plan_one(c, "t", options); }), "line 2: invalid input syntax"));
}

TEST_CASE("One far id among dense ones leaves no chunk over twice the target") {
  PlanDatabase db;
  db.exec(
      "CREATE TABLE t (id bigint PRIMARY KEY);"
      "INSERT INTO t SELECT generate_series(1, 100000); INSERT INTO t VALUES (9000000000000000000);"
      "ANALYZE t");
  ChunkOptions options;
  options.chunk_rows = 2000;
  const auto rows = chunk_rows(db.connection(), plan_one(db.connection(), "t", options));
  CHECK(*std::max_element(rows.begin(), rows.end()) <= 4000);
  CHECK(rows.size() <= 52);
}

TEST_CASE("A million chunks stream: the plan's memory stays flat") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (id bigint PRIMARY KEY);"
          "INSERT INTO t SELECT g * 3 FROM generate_series(1, 1000001) g; ANALYZE t");
  ChunkOptions options;
  options.chunk_rows = 1;
  auto table = plan::read_tables(db.connection(), {}, options).at(0);
  const auto before = resident_kb();
  std::int64_t count = 0;
  std::optional<KeyValue> last;
  bool joined = true;
  plan::cut_table(db.connection(), table, options, [&](const Chunk& chunk) {
    joined = joined && chunk.lower == last && chunk.number == count;
    last = chunk.upper;
    ++count;
  });
  CHECK(count == 1000001);
  CHECK(joined);
  CHECK(resident_kb() - before < 20 << 10);
}

TEST_CASE("Thousands of partitions are read by a few queries") {
  PlanDatabase db;
  db.exec("CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);"
          "DO $$ BEGIN FOR i IN 0..1999 LOOP EXECUTE format('CREATE TABLE p%s PARTITION OF p FOR "
          "VALUES FROM (%s) TO (%s)', i, i * 10, i * 10 + 10); END LOOP; END $$;"
          "INSERT INTO p SELECT g, 'x' FROM generate_series(0, 19999) g; ANALYZE pg_class");
  const auto begun = std::chrono::steady_clock::now();
  const auto planned = plan_all(db.connection(), {}, {});
  const auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  CHECK(planned.size() == 2000);
  CHECK(std::all_of(planned.begin(), planned.end(), [](const Planned& one) {
    return one.chunks.size() == 1 && one.table.name == "p" && one.table.key->primary;
  }));
  CHECK(seconds < 10);  // 0.2 s at rest; a query for each partition would take longer
}

TEST_CASE("Stale and missing statistics are counted anew") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, repeat('x', 50)"
          " FROM generate_series(1, 1000) g; ANALYZE t;"
          "INSERT INTO t SELECT g, repeat('x', 50) FROM generate_series(1001, 50000) g");
  ChunkOptions options;
  options.chunk_bytes = 256 << 10;
  const auto planned = plan_one(db.connection(), "t", options);
  CHECK(planned.table.estimated_rows == doctest::Approx(50000).epsilon(0.02));
  CHECK(planned.table.max_over_avg < 1.3);
  CHECK(planned.table.estimated_bytes / options.chunk_bytes + 1 ==
        static_cast<std::int64_t>(planned.chunks.size()));
}

TEST_CASE("A NOT NULL constraint that was not validated leaves the key nullable") {
  PlanDatabase db;
  if (db.connection().server_version() < 180000) {
    return;  // has no such constraints
  }
  db.exec("CREATE TABLE t (k int); INSERT INTO t SELECT NULLIF(g % 3000, 5) FROM "
          "generate_series(1, 9000) g;"
          "ALTER TABLE t ADD CONSTRAINT n NOT NULL k NOT VALID; CREATE INDEX ON t (k)");
  ChunkOptions options;
  options.chunk_rows = 1000;
  options.keys = {{"t", "k"}};
  const auto planned = plan_one(db.connection(), "t", options);
  CHECK(planned.chunks.back().kind == ChunkKind::null_keys);
  CHECK(wrong_with(db.connection(), planned) == "");
}

TEST_CASE("The ranges of a primary key are never cut by pages, whatever the estimates") {
  PlanDatabase db;
  // Statistics say that one value has nine of ten rows; then each row gets a value of its own.
  db.exec("CREATE TABLE t (k int, id int) WITH (autovacuum_enabled = off);"
          "INSERT INTO t SELECT CASE WHEN g % 10 = 0 THEN g ELSE 7 END, g FROM generate_series(1, "
          "9000) g;"
          "ANALYZE t; UPDATE t SET k = id; ALTER TABLE t ADD PRIMARY KEY (k)");
  const auto planned = cut_from(db.connection(), "t", plan::BoundsSource::histogram);
  CHECK(planned.table.key->primary);
  CHECK(planned.table.max_over_avg > 2);
  CHECK(wrong_with(db.connection(), planned) == "");
  CHECK(std::none_of(planned.chunks.begin(), planned.chunks.end(),
                     [](const Chunk& chunk) { return chunk.page_lower || chunk.page_upper; }));
}

TEST_CASE(
    "A key of several columns is cut along a selective first one by statistics, else by all") {
  PlanDatabase db;
  auto& c = db.connection();
  db.exec("CREATE TABLE many (a int, b int, PRIMARY KEY (a, b));"
          "INSERT INTO many SELECT g / 3, g FROM generate_series(1, 300000) g;"
          "CREATE TABLE few (a int, b int, PRIMARY KEY (a, b));"
          "INSERT INTO few SELECT g % 3, g FROM generate_series(1, 300000) g");
  db.exec("ANALYZE many, few");
  ChunkOptions options;
  options.chunk_rows = 20'000;
  const auto many = plan_one(c, "many", options);
  CHECK(many.table.key->columns.size() == 1);
  CHECK(many.table.key->primary);
  CHECK(contains(many.table.key_reason, "primary key many_pkey, by its first column;"));
  CHECK(many.chunks.size() >= 14);
  const auto few = plan_one(c, "few", options);
  CHECK(few.table.key->columns.size() == 2);
  CHECK(few.chunks.size() == 15);
  for (const auto* planned : {&many, &few}) {
    CHECK(wrong_with(c, *planned) == "");
    CHECK(sequential_chunk(c, *planned) == "");
    const auto rows = chunk_rows(c, *planned);
    CHECK(*std::max_element(rows.begin(), rows.end()) < 26'000);
  }
}

TEST_CASE("A walk knows the rows of its last chunk") {
  PlanDatabase db;
  db.exec("CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 1050);"
          "ANALYZE t");
  ChunkOptions options;
  options.chunk_rows = 100;
  const auto planned = plan_one(db.connection(), "t", options);
  REQUIRE(planned.chunks.size() == 11);
  CHECK(planned.chunks.back().estimated_rows == 50);
}
