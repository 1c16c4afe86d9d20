#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/temp_cluster.hpp"
#include "support/temp_dir.hpp"
#include "target/load_sql.hpp"
#include "transfer/batch_loader.hpp"

namespace pgstride::transfer {

namespace {

using target::ConflictClause;

/// A table `public.t (id int primary key, v text)` and what loads it in batches.
struct Loading {
  std::string database = test::shared_cluster().create_database("batches");
  pg::Connection connection{
      {test::shared_cluster().conninfo(database), "pgstride/test/w1", {}, {}}};
  test::TempDir dir;
  LoadWay way;
  BatchSize size{2, 64};
  RejectBudget budget{100, 0};
  RejectPart rejects{dir.path(), "public.t chunk 7", "", {"id", "v"}, 7, 1, budget};

  explicit Loading(LoadKind kind, ConflictClause clause = ConflictClause::none) {
    exec("CREATE TABLE t (id int PRIMARY KEY, v text CHECK (v <> 'bad'))");
    const auto facts = target::read_target_tables(connection, {{"public", "t"}}).tables.front();
    way.kind = kind;
    way.table = std::make_shared<const target::TargetTable>(facts);
    way.insert = {way.table.get(), {"id", "v"}, {}, clause, std::nullopt};
    if (clause != ConflictClause::none) {
      way.insert.key = target::choose_conflict_key(*way.table, way.insert.columns);
    }
    way.rows = {Format::text, false, '\t', "\\N", 2};
    way.table_sql = target::copy_statement(facts.name, way.insert.columns, {Format::text});
    way.staged = target::staged_load(way.insert);
    way.stage_sql = target::copy_statement(way.staged->stage, way.insert.columns, {Format::text});
  }

  std::string exec(const std::string& sql) const {
    return test::shared_cluster().exec(sql, database);
  }

  LoadCounts load(const RowBatch& batch, bool isolate = false, bool timed = false) {
    connection.exec("BEGIN");
    BatchLoader loader({connection, way, size, &rejects, isolate, timed});
    loader.load(batch);
    connection.exec("COMMIT");
    return loader.counts();
  }
};

RowBatch rows(int first, int last, const std::string& value = "good") {
  RowBatch batch;
  for (int id = first; id <= last; ++id) {
    batch.add(std::to_string(id) + "\t" + value + "\n", 1000 + id);
  }
  return batch;
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.full_text();
  }
  return "";
}

}  // namespace

TEST_CASE("Every bad row is isolated, wherever it stands, by each way") {
  for (const auto kind : {LoadKind::copy, LoadKind::insert, LoadKind::stage}) {
    CAPTURE(static_cast<int>(kind));
    Loading f(kind);
    RowBatch batch;
    for (int id = 1; id <= 300; ++id) {
      // Not a number, and refused by the table.
      const bool no_number = id == 1 || id == 2 || id == 150 || id == 300;
      const bool refused = id == 64 || id == 65 || id == 299;
      batch.add((no_number ? "x" : "") + std::to_string(id) + "\t" + (refused ? "bad" : "a\\tb") +
                    "\n",
                id);
    }
    const auto counts = f.load(batch, true);
    CHECK(counts == LoadCounts{.rows = 293, .ignored = 0, .superseded = 0, .rejected = 7});
    CHECK(f.exec("SELECT count(*), count(*) FILTER (WHERE v = E'a\\tb') FROM t") == "293|293");
    CHECK(f.rejects.rows() == 7);
  }
}

TEST_CASE("An error that is no row's ends the load with the line that the source counts") {
  Loading f(LoadKind::copy);
  auto batch = rows(1, 200);
  batch.add("x\tbad\n", 1201);
  const auto text = error_of([&] { f.load(batch); });
  CHECK(text.find("COPY t, line 1201, column id") != std::string::npos);
  f.connection.abandon_transaction();
  CHECK(f.exec("SELECT count(*) FROM t") == "0");
}

TEST_CASE("A lock makes batches smaller until no row can be spared, and they grow again") {
  Loading f(LoadKind::stage, ConflictClause::update);
  f.exec("INSERT INTO t VALUES (100, 'locked')");
  f.connection.exec("SET lock_timeout = '50ms'");
  auto other = test::shared_cluster().session(f.database);
  other.exec("BEGIN; SELECT FROM t WHERE id = 100 FOR UPDATE");
  const auto text = error_of([&] { f.load(rows(1, 128)); });
  CHECK(text.find("55P03") != std::string::npos);
  CHECK(f.size.rows() == 2);
  f.connection.abandon_transaction();
  other.exec("COMMIT");
  CHECK(f.load(rows(1, 1000)).rows == 1000);
  CHECK(f.size.rows() == 64);
  CHECK(f.exec("SELECT count(*), count(*) FILTER (WHERE v = 'good') FROM t") == "1000|1000");
}

TEST_CASE("A deadlock is not got round: the chunk's earlier batches hold their locks") {
  Loading f(LoadKind::stage, ConflictClause::update);
  f.exec("INSERT INTO t VALUES (1, 'old'), (2, 'old')");
  auto other = test::shared_cluster().session(f.database);
  other.exec("SET deadlock_timeout = '1h'; BEGIN; UPDATE t SET v = 'other' WHERE id = 2");
  f.connection.exec("SET deadlock_timeout = '10ms'; BEGIN");
  BatchLoader loader({f.connection, f.way, f.size, &f.rejects, true});
  loader.load(rows(1, 1));
  std::thread waiting([&] { other.exec("UPDATE t SET v = 'other' WHERE id = 1; COMMIT"); });
  const auto text = error_of([&] { loader.load(rows(2, 40)); });
  f.connection.abandon_transaction();
  waiting.join();
  CHECK(text.find("40P01") != std::string::npos);
  CHECK(f.size.rows() == 64);
  CHECK(f.rejects.rows() == 0);
  CHECK(f.exec("SELECT string_agg(v, ' ') FROM t") == "other other");
}

TEST_CASE(
    "Wide rows among which are bad ones come through the temporary table, whatever it holds") {
  Loading f(LoadKind::stage, ConflictClause::update);
  f.size = BatchSize(2, 500);
  RowBatch batch;
  for (int id = 1; id <= 1500; ++id) {
    batch.add((id % 50 == 7 ? "x" : "") + std::to_string(id) + "\t" +
                  std::string(id <= 1000 ? 1000 : 1, 'v') + "\n",
              id);
  }
  CHECK(f.load(batch, true) == LoadCounts{.rows = 1470, .rejected = 30});
  CHECK(f.exec("SELECT count(*), sum(length(v)) FROM t") == "1470|980490");
}

TEST_CASE("Conflicts are counted exactly, whichever way finds them") {
  for (const auto kind : {LoadKind::insert, LoadKind::stage}) {
    CAPTURE(static_cast<int>(kind));
    Loading ignore(kind, ConflictClause::do_nothing);
    ignore.exec("INSERT INTO t SELECT i, 'old' FROM generate_series(10, 19) i");
    CHECK(ignore.load(rows(1, 100)) == LoadCounts{.rows = 90, .ignored = 10});

    Loading replace(kind, ConflictClause::update);
    replace.exec("INSERT INTO t SELECT i, 'old' FROM generate_series(10, 19) i");
    auto batch = rows(1, 20);
    for (int id = 1; id <= 5; ++id) {
      batch.add(std::to_string(id) + "\tlater\n", 20 + id);
    }
    CHECK(replace.load(batch) == LoadCounts{.rows = 20, .superseded = 5, .updated = 10});
    CHECK(replace.exec("SELECT count(*) FILTER (WHERE v = 'later'), count(*) FROM t") == "5|20");
  }
}

TEST_CASE("What a trigger drops is an error, not a conflict") {
  Loading f(LoadKind::stage, ConflictClause::update);
  f.exec("CREATE FUNCTION pick() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
         "CREATE TRIGGER pick BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pick()");
  CHECK(error_of([&] { f.load(rows(1, 10)); }).find("a trigger or a rule there drops some") !=
        std::string::npos);
}

}  // namespace pgstride::transfer
