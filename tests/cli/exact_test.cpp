// What users see of jobs with a slot: resumes and refreshes redo what has changed, and only that
// (correctness.md, 3).
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>

#include "cli/slot_source.hpp"

using namespace pgstride::test;

TEST_CASE(
    "Exact: of an append-mostly table that was killed at nine tenths only the tail is redone") {
  Source source(keyed_rows(50000));
  const auto job = source.export_job({"--chunk-rows", "50", "-j", "2", "-Z", "none"});
  REQUIRE(job.run_export({{"PGSTRIDE_CRASH_AT", "chunk_copied:905"}}).signal == SIGKILL);
  const auto before = job.status();
  const auto first = source.confirmed();
  const long done = before.at("chunks").at("done");
  REQUIRE(before.at("chunks").at("total") == 1000);
  REQUIRE(done > 800);
  source.session.exec("INSERT INTO keyed SELECT i, 'new' FROM generate_series(50001, 51000) i;"
                      "UPDATE keyed SET note = 'touched' WHERE id BETWEEN 100 AND 110;"
                      "DELETE FROM keyed WHERE id = 20000");
  const auto resumed = job.run_resume();
  INFO(resumed.text());
  REQUIRE(resumed.code == 0);
  check_files(source, job);
  const auto after = job.status();
  CHECK(after.at("consistency") == "exact");
  const long redone = table_of(after).at("redone");
  CHECK(redone >= 2);
  CHECK(redone < 20);  // two of them changed, the others were in flight
  CHECK(table_of(after).at("redo_reason").get<std::string>().find("changed") != std::string::npos);
  CHECK(first != after.at("start_lsn"));
  CHECK(source.confirmed() == after.at("start_lsn"));
}

TEST_CASE("Exact: rows that move between finished and remaining ranges are there once") {
  Source source(keyed_rows(2000));
  const auto job = source.export_job({"--chunk-rows", "100", "-j", "1"});
  REQUIRE(job.run_export({{"PGSTRIDE_CRASH_AT", "chunk_claimed:10"}}).signal == SIGKILL);
  source.session.exec("UPDATE keyed SET id = id + 100000 WHERE id BETWEEN 50 AND 60;"
                      "UPDATE keyed SET id = -id WHERE id BETWEEN 1900 AND 1910;"
                      "UPDATE keyed SET id = 3000 - id WHERE id IN (1, 2)");
  REQUIRE(job.run_resume().code == 0);
  check_files(source, job);
}

TEST_CASE("Exact: transactions that were open over both snapshots count by their commit") {
  Source source(keyed_rows(1000));
  const auto job = source.export_job({"--chunk-rows", "100", "-j", "1"});
  REQUIRE(job.run_export({{"PGSTRIDE_CRASH_AT", "chunk_claimed:6"}}).signal == SIGKILL);
  // Begun before the second slot, which waits for it: its rows are of the second snapshot.
  auto writer = source_cluster().session(source.name);
  writer.exec("BEGIN; UPDATE keyed SET note = 'late' WHERE id = 5");
  Process resuming(job.resume_command());
  REQUIRE(eventually([&] {
    return source_cluster().exec("SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
                                 "'CREATE_REPLICATION_SLOT%' AND state = 'active'") == "1";
  }));
  writer.exec("UPDATE keyed SET note = 'late too' WHERE id = 6; COMMIT");
  const auto ended = resuming.wait();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  check_files(source, job);
}

TEST_CASE("Exact: --refresh brings a finished export to now by its changed chunks alone") {
  Source source(keyed_rows(2000));
  const auto job = source.export_job({"--chunk-rows", "100", "-j", "2"});
  REQUIRE(job.run_export().code == 0);
  const auto file = job.directory / "public.keyed" / "public.keyed.000010.csv.zst";
  const auto written = std::filesystem::last_write_time(file);
  source.session.exec(
      "UPDATE keyed SET note = 'new' WHERE id = 150; INSERT INTO keyed VALUES (9999)");
  const auto refreshed = job.run_resume({"--refresh"});
  INFO(refreshed.text());
  REQUIRE(refreshed.code == 0);
  check_files(source, job);
  CHECK(table_of(job.status()).at("redone") == 2);
  CHECK(std::filesystem::last_write_time(file) == written);
  CHECK(read_manifest_json(job.directory).at("start_lsn") == job.status().at("start_lsn"));
  CHECK(source.confirmed() == job.status().at("start_lsn"));
  // Nothing has changed since.
  REQUIRE(job.run_resume({"--refresh"}).code == 0);
  CHECK(table_of(job.status()).at("redone") == 2);
  check_files(source, job);
}

TEST_CASE("Exact: killed at any step of a refresh, the export is of one snapshot in the end") {
  unsigned long number = 0;
  for (const auto* step : {"refresh_manifest_removed", "refresh_begun", "locks_taken",
                           "changes_read", "dirty_stored", "snapshot_taken", "chunk_claimed",
                           "file_renamed", "manifest_written", "slot_advancing", "slot_advanced"}) {
    if (number++ % 2 != test_seed() % 2) {
      continue;  // two seeds in a row show all
    }
    DOCTEST_SUBCASE(step) {
      Source source(keyed_rows(600));
      const auto job = source.export_job({"--chunk-rows", "100", "-j", "1"});
      REQUIRE(job.run_export().code == 0);
      source.session.exec("UPDATE keyed SET note = 'new' WHERE id = 150; DELETE FROM keyed WHERE "
                          "id > 550");
      const auto killed = run(job.resume_command({"--refresh"}), {{"PGSTRIDE_CRASH_AT", step}});
      INFO(killed.text());
      REQUIRE(killed.signal == SIGKILL);
      source.session.exec("UPDATE keyed SET note = 'newer' WHERE id = 50");
      const auto ended = job.run_resume({"--refresh"});
      INFO(ended.text());
      REQUIRE(ended.code == 0);
      check_files(source, job);
      CHECK(job.status().at("consistency") == "exact");
    }
  }
}

TEST_CASE("Exact: what the slot does not tell is exported again whole, with the reason") {
  SUBCASE("a time split under the default replica identity") {
    Source source("CREATE TABLE keyed (no int PRIMARY KEY, id bigint NOT NULL, note text);"
                  "CREATE INDEX ON keyed (id);"
                  "INSERT INTO keyed SELECT i, i, 'row' FROM generate_series(1, 1000) i");
    auto job = source.export_job({"--chunk-rows", "100", "-j", "1", "--key", "keyed:id"});
    const auto killed = job.run_export({{"PGSTRIDE_CRASH_AT", "chunk_claimed:6"}});
    REQUIRE(killed.signal == SIGKILL);
    CHECK(says(killed, "its replica identity does not hold its chunk key"));
    source.session.exec("UPDATE keyed SET id = id + 500 WHERE no = 10");
    const auto ended = job.run_resume();
    INFO(ended.text());
    REQUIRE(ended.code == 0);
    check_files(source, job);
    const std::string why = table_of(job.status()).at("redo_reason");
    CHECK(why.find("replica identity") != std::string::npos);
  }
  SUBCASE("a table that was taken out of the job's publication and put back") {
    Source source(keyed_rows(1000));
    auto job = source.export_job({"--chunk-rows", "100", "-j", "1"});
    REQUIRE(job.run_export({{"PGSTRIDE_CRASH_AT", "chunk_claimed:6"}}).signal == SIGKILL);
    const auto publication =
        source.session.exec("SELECT pubname FROM pg_publication WHERE pubname LIKE 'pgstride_%'");
    source.session.exec("ALTER PUBLICATION " + publication + " DROP TABLE ONLY keyed");
    source.session.exec("UPDATE keyed SET note = 'unseen' WHERE id = 10");
    source.session.exec("ALTER PUBLICATION " + publication + " ADD TABLE ONLY keyed");
    REQUIRE(job.run_resume().code == 0);
    check_files(source, job);
    const std::string why = table_of(job.status()).at("redo_reason");
    CHECK(why.find("publication was altered") != std::string::npos);
  }
  SUBCASE("a table that was rewritten with other values, and truncated") {
    Source source(keyed_rows(1000));
    auto job = source.export_job({"--chunk-rows", "100", "-j", "1"});
    REQUIRE(job.run_export({{"PGSTRIDE_CRASH_AT", "chunk_claimed:6"}}).signal == SIGKILL);
    source.session.exec("ALTER TABLE keyed ALTER note TYPE text USING note || '!'");
    REQUIRE(job.run_export({{"PGSTRIDE_CRASH_AT", "chunk_claimed:4"}}).signal == SIGKILL);
    source.session.exec("TRUNCATE keyed; INSERT INTO keyed VALUES (1, 'alone')");
    REQUIRE(job.run_resume().code == 0);
    check_files(source, job);
  }
}

TEST_CASE(
    "Exact: a slot that is gone, or in use, or past the data ends the resume with the reason") {
  Source source(keyed_rows(1000));
  auto job = source.export_job({"--chunk-rows", "100", "-j", "1"});
  REQUIRE(job.run_export({{"PGSTRIDE_CRASH_AT", "chunk_claimed:6"}}).signal == SIGKILL);
  source.session.exec("UPDATE keyed SET note = 'new' WHERE id = 10");
  const auto slot = "'" + source.name + "'";
  SUBCASE("past the data") {
    source.session.exec("SELECT pg_replication_slot_advance(" + slot +
                        ", pg_current_wal_insert_lsn())");
    const auto ended = job.run_resume();
    INFO(ended.text());
    CHECK(ended.code == 1);
    CHECK(says(ended, "the oldest of what is done"));
  }
  SUBCASE("gone") {
    source.session.exec("SELECT pg_drop_replication_slot(" + slot + ")");
    const auto ended = job.run_resume();
    INFO(ended.text());
    CHECK(ended.code == 1);
    CHECK(says(ended, "is gone"));
  }
  CHECK(job.status().at("chunks").at("done").get<int>() > 0);
}
