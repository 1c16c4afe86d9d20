// A copy with a slot, killed at each step of making it, resumed until done: one slot, its own
// publications, exact rows wherever nothing was copied before; nothing is left after `clean`.
#include <doctest/doctest.h>

#include <csignal>

#include "harness/copy_job.hpp"
#include "support/temp_cluster.hpp"

using namespace pgstride::test;

namespace {

struct Moved {
  std::string source_name = shared_cluster().create_database("slotted");
  std::string target_name = shared_cluster().create_database("into");
  TempDir dir;
  CopyJob job{.source = shared_cluster().conninfo(source_name),
              .targets = {shared_cluster().conninfo(target_name)},
              .directory = dir / "job",
              .kinds = {kind("orders"), kind("parted"), kind("documents")},
              .options = {"--chunk-rows", "100", "-j", "2", "--slot", source_name, "--publication",
                          "consumer"}};

  Moved() {
    auto source = shared_cluster().session(source_name);
    create_tables(source, job.kinds, 600);
    auto target = shared_cluster().session(target_name);
    create_target_tables(target, job.kinds, 600);
  }
  std::string on_source(const std::string& sql) const {
    return shared_cluster().exec(sql, source_name);
  }
  [[nodiscard]] std::string slots() const {
    return on_source("SELECT string_agg(slot_name, ',') FROM pg_replication_slots "
                     "WHERE database = current_database()");
  }
  void check_made() const {
    CHECK(slots() == source_name);
    CHECK(on_source("SELECT count(*) FROM pg_publication") == "2");
    const auto status = job.status();
    CHECK(status.at("consistency") == "exact");
    CHECK(status.at("start_lsn") ==
          on_source("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '" +
                    source_name + "'"));
    PgSession source(job.source);
    PgSession target(job.targets[0]);
    Problems problems;
    compare_tables(source, target, job.kinds, problems);
    CHECK(joined(problems) == "");
  }
  void clean() const {
    const auto cleaned = run(program({"clean", job.directory.string(), "--yes"}));
    INFO(cleaned.text());
    CHECK(cleaned.code == 0);
    CHECK(slots().empty());
    CHECK(on_source("SELECT count(*) FROM pg_publication") == "0");
  }
};

}  // namespace

TEST_CASE("Killed while its slot is made, a copy makes it once and is exact") {
  for (const std::string step :
       {"slot_creating", "private_publication_made", "publications_made", "slot_made",
        "slot_recorded", "snapshot_taken", "tables_started", "chunk_claimed"}) {
    CAPTURE(step);
    const Moved moved;
    const auto killed = moved.job.run_copy({{"PGSTRIDE_CRASH_AT", step}});
    INFO(killed.text());
    REQUIRE(killed.signal == SIGKILL);
    moved.on_source("UPDATE orders SET note = 'changed since' WHERE id % 7 = 0");
    const auto again = moved.job.run_copy({{"PGSTRIDE_CRASH_AT", step}});
    INFO(again.text());
    CHECK(again.signal == SIGKILL);
    moved.on_source("DELETE FROM documents WHERE id % 5 = 0");
    const auto last = moved.job.run_resume();
    INFO(last.text());
    REQUIRE(last.code == 0);
    moved.check_made();
    moved.clean();
  }
}

TEST_CASE(
    "Killed at its end, a copy with a slot has its hand-off when resumed, and clean goes on") {
  for (const std::string step : {"load_ended", "handoff_written"}) {
    CAPTURE(step);
    const Moved moved;
    REQUIRE(moved.job.run_copy({{"PGSTRIDE_CRASH_AT", step}}).signal == SIGKILL);
    const auto resumed = moved.job.run_resume();
    INFO(resumed.text());
    REQUIRE(resumed.code == 0);
    CHECK(std::filesystem::exists(moved.job.directory / "handoff" / "subscription.sql"));
    moved.check_made();
    const auto killed = run(program({"clean", moved.job.directory.string()}),
                            {{"PGSTRIDE_CRASH_AT", "slot_dropped"}});
    CHECK(killed.signal == SIGKILL);
    moved.clean();
  }
}

TEST_CASE("A slot that another made under the job's name is never dropped by it") {
  const Moved moved;
  REQUIRE(moved.job.run_copy({{"PGSTRIDE_CRASH_AT", "plan_stored"}}).signal == SIGKILL);
  moved.on_source("SELECT pg_create_logical_replication_slot('" + moved.source_name +
                  "', 'pgoutput')");
  const auto refused = moved.job.run_copy();
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(refused.err.find("exists already") != std::string::npos);
  CHECK(moved.slots() == moved.source_name);
  moved.on_source("SELECT pg_drop_replication_slot('" + moved.source_name + "')");
  const auto last = moved.job.run_resume();
  INFO(last.text());
  REQUIRE(last.code == 0);
  moved.check_made();
  moved.clean();
}
