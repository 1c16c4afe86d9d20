// Jobs with a slot beside other options: what can't be redone by ranges is redone whole or refused,
// and nothing is called exact that is not.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "cli/slot_source.hpp"
#include "support/temp_dir.hpp"

using namespace pgstride::test;

namespace {

const std::string k_bare = "CREATE TABLE keyed (id bigint, note text)";
const auto k_change = "UPDATE keyed SET note = 'new' WHERE id IN (10, 150)";

long lines_of(const std::filesystem::path& file) {
  const auto text = read_text(file);
  return std::count(text.begin(), text.end(), '\n');
}

}  // namespace

TEST_CASE("Exact: a job that is told to be fuzzy before what changed is redone says so") {
  Copy copy(keyed_rows(1000), k_bare);
  REQUIRE(copy.job.run_copy().code == 0);
  const auto first = copy.job.status().at("start_lsn");
  copy.session.exec(k_change);
  REQUIRE(copy.job.run_resume({"--refresh"}, {{"PGSTRIDE_CRASH_AT", "snapshot_taken"}}).signal ==
          SIGKILL);
  const auto ended = copy.job.run_resume({"--consistency", "fuzzy"});
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(copy.job.status().at("consistency") == "fuzzy");
  CHECK(copy.job.status().at("start_lsn") == first);  // changes are needed from there on
  CHECK(pg_exec(copy.target, "SELECT count(*) FROM keyed") == "1000");
  CHECK(copy.confirmed() == first);
}

TEST_CASE("Exact: without a ledger a table that has changed is loaded again whole") {
  Copy copy(keyed_rows(1000), k_bare, {"--ledger", "no"});
  REQUIRE(copy.job.run_copy({{"PGSTRIDE_CRASH_AT", "chunk_copied:7"}}).signal == SIGKILL);
  copy.session.exec(k_change);
  for (const auto* step : {"dirty_stored", "snapshot_taken", "emptying_marked", "tables_started"}) {
    const auto killed = copy.job.run_resume({}, {{"PGSTRIDE_CRASH_AT", step}});
    INFO(killed.text());
    REQUIRE(killed.signal == SIGKILL);
    copy.session.exec("UPDATE keyed SET note = note || '.' WHERE id = 10; INSERT INTO keyed SELECT "
                      "max(id) + 1 FROM keyed");
  }
  const auto ended = copy.job.run_resume();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  copy.check_same();
  CHECK(copy.job.status().at("consistency") == "exact");
}

TEST_CASE(
    "Exact: rows that were rejected stay told after a refresh, those of changed ranges anew") {
  Copy copy(keyed_rows(1000), "CREATE TABLE keyed (id bigint CHECK (id % 100 <> 7), note text)",
            {"--reject-limit", "50"});
  REQUIRE(copy.job.run_copy().code == 6);
  const auto rejects = copy.job.directory / "rejects" / "public.keyed.csv";
  const auto before = lines_of(rejects);
  copy.session.exec("DELETE FROM keyed WHERE id = 107; INSERT INTO keyed VALUES (1107), (1207);"
                    "UPDATE keyed SET note = 'new' WHERE id = 500");
  const auto ended = copy.job.run_resume({"--refresh"});
  INFO(ended.text());
  CHECK(ended.code == 6);
  CHECK(lines_of(rejects) == before + 1);
  CHECK(pg_exec(copy.target, "SELECT count(*) FROM keyed") ==
        copy.session.exec("SELECT count(*) FROM keyed WHERE id % 100 <> 7"));
}

TEST_CASE("Exact: --refresh fires no trigger that --create-schema made behind the rows") {
  if (std::getenv("PGSTRIDE_PGBIN") != nullptr) {
    return;  // server builds that come without pg_dump
  }
  Copy copy(keyed_rows(300) + ";CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS "
                              "'BEGIN NEW.note := ''fired''; RETURN NEW; END';"
                              "CREATE TRIGGER loud BEFORE INSERT ON keyed FOR EACH ROW EXECUTE "
                              "FUNCTION public.loud()",
            "SELECT 1", {"--create-schema"});
  const auto copied = copy.job.run_copy();
  INFO(copied.text());
  REQUIRE(copied.code == 0);
  copy.session.exec(k_change);
  const auto refused = copy.job.run_resume({"--refresh"});
  INFO(refused.text());
  CHECK(refused.code == 2);
  CHECK(says(refused, "trigger loud"));
  pg_exec(copy.target, "ALTER TABLE keyed DISABLE TRIGGER USER");
  const auto ended = copy.job.run_resume({"--refresh"});
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  copy.check_same();
}

TEST_CASE("Exact: rows of others that an upsert wrote over are not taken out with its ranges") {
  Copy copy(keyed_rows(1000), "CREATE TABLE keyed (id bigint PRIMARY KEY, note text)",
            {"--mode", "upsert"});
  REQUIRE(copy.job.run_copy({{"PGSTRIDE_CRASH_AT", "chunk_copied:4"}}).signal == SIGKILL);
  pg_exec(copy.target, "INSERT INTO keyed VALUES (950, 'somebody''s')");
  REQUIRE(copy.job.run_resume().code == 0);
  copy.session.exec("DELETE FROM keyed WHERE id = 950");
  const auto ended = copy.job.run_resume({"--refresh"});
  INFO(ended.text());
  CHECK(ended.code == 1);
  CHECK(says(ended, "somebody else"));
  CHECK(pg_exec(copy.target, "SELECT count(*) FROM keyed WHERE id = 950") == "1");
}

TEST_CASE("Exact: a lost file of a finished export is mended as of a new snapshot of all") {
  Source source(keyed_rows(1000));
  const auto job = source.export_job({"--chunk-rows", "100", "-j", "1"});
  REQUIRE(job.run_export().code == 0);
  source.session.exec(k_change);
  std::filesystem::remove(job.directory / "public.keyed" / "public.keyed.000005.csv.zst");
  const auto ended = job.run_resume();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  check_files(source, job);
  CHECK(job.status().at("consistency") == "exact");
}
