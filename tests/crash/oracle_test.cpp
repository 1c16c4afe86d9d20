// The oracles themselves: they agree with a session of the server, and they see a fault.
#include <doctest/doctest.h>

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
