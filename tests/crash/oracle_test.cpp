// The oracles themselves: they agree with a session of the server, and they see a fault.
#include <doctest/doctest.h>

#include "harness/export_job.hpp"
#include "harness/history.hpp"
#include "harness/writers.hpp"
#include "support/run_program.hpp"
#include "support/temp_cluster.hpp"

using namespace pgstride::test;

TEST_CASE("The history gives what a session that holds the snapshot sees") {
  auto& cluster = shared_cluster();
  const auto database = cluster.create_database("oracle");
  auto session = cluster.session(database);
  create_tables(session, all_kinds(), 300);
  start_history(session, all_kinds());
  Writers writers(cluster.conninfo(database), all_kinds(),
                  {.threads = 3, .seed = 7, .rows = 300, .rewrites = true});
  auto reader = cluster.session(database);
  for (int round = 0; round < 20; ++round) {
    const long before = writers.writes();
    REQUIRE(eventually([&] { return writers.writes() > before + 20; }));
    // Locks before the snapshot: a table rewritten in between would read as empty.
    reader.exec("BEGIN ISOLATION LEVEL REPEATABLE READ");
    for (const auto& kind : all_kinds()) {
      reader.exec("LOCK " + kind.quoted() + " IN ACCESS SHARE MODE");
    }
    const auto snapshot = reader.exec("SELECT pg_current_snapshot()");
    for (const auto& kind : all_kinds()) {
      if (!kind.insert.empty()) {
        CAPTURE(kind.name);
        const auto real = reader.exec("SELECT " + brief("t::text") + ", count(*) FROM " +
                                      kind.quoted() + " t GROUP BY 1 ORDER BY 1");
        CHECK(real == session.exec("SELECT * FROM (" + content_at(session, kind, snapshot) +
                                   ") x ORDER BY 1"));
      }
    }
    reader.exec("COMMIT");
  }
  CHECK(writers.rewrites() > 0);
}

TEST_CASE("The check at rest sees a lost, a doubled, a changed row and a stray file") {
  auto& cluster = shared_cluster();
  const auto database = cluster.create_database("faults");
  auto session = cluster.session(database);
  create_tables(session, all_kinds(), 300);
  TempDir dir;
  const ExportJob job{
      .conninfo = cluster.conninfo(database), .directory = dir / "job", .kinds = all_kinds()};
  REQUIRE(job.run_export().code == 0);
  REQUIRE(joined(check_at_rest(session, job.directory, job.kinds)) == "");
  const std::vector<std::string> faults = {
      "DELETE FROM orders WHERE id = 7",
      "INSERT INTO no_key SELECT * FROM no_key LIMIT 1",
      "UPDATE many_types SET f8 = -f8 WHERE f8 = 0",
      "DELETE FROM nullable WHERE ctid = (SELECT min(ctid) FROM nullable WHERE k IS NULL)",
      "DELETE FROM no_columns WHERE ctid = (SELECT min(ctid) FROM no_columns)",
      "UPDATE one_text SET v = '' WHERE v IS NULL"};
  for (const auto& fault : faults) {
    CAPTURE(fault);
    session.exec("BEGIN; " + fault);
    CHECK(check_at_rest(session, job.directory, job.kinds).size() > 0);
    session.exec("ROLLBACK");
  }
  const auto file = read_manifest_json(job.directory)["tables"][0]["files"][0]["file"];
  std::filesystem::copy(job.directory / file, job.directory / (file.get<std::string>() + ".part"));
  CHECK(check_at_rest(session, job.directory, job.kinds).size() == 1);
}

TEST_CASE("The check under writers sees rows of another snapshot, and a false claim of exactness") {
  auto& cluster = shared_cluster();
  const auto database = cluster.create_database("faults");
  auto session = cluster.session(database);
  const std::vector<TableKind> kinds = {kind("orders"), kind("no_key"), kind("nullable")};
  create_tables(session, kinds, 500);
  start_history(session, kinds);
  TempDir dir;
  ExportJob job{.conninfo = cluster.conninfo(database), .directory = dir / "job", .kinds = kinds};
  {
    Writers writers(job.conninfo, kinds, {.threads = 2, .seed = 5, .rows = 500});
    REQUIRE(eventually([&] { return writers.writes() > 200; }));
    REQUIRE(job.run_export().code == 0);
    REQUIRE(eventually([&] { return writers.writes() > 2000; }));
  }
  const auto status = job.status(true);
  REQUIRE(joined(check_with_history(session, job.directory, status, kinds)) == "");
  const auto later = session.exec("SELECT pg_current_snapshot()");
  for (const std::size_t chunk : {std::size_t{0}, status["chunk_list"].size() - 1}) {
    auto forged = status;
    forged["chunk_list"][chunk]["snapshot"] = later;
    CHECK(check_with_history(session, job.directory, forged, kinds).size() > 0);
  }
  auto all_later = status;
  for (auto& chunk : all_later["chunk_list"]) {
    chunk["snapshot"] = later;
  }
  CHECK(check_with_history(session, job.directory, all_later, kinds).size() >= kinds.size());
}
