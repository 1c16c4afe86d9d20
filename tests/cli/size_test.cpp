// Memory, wide rows, many chunks. Sizes grow by PGSTRIDE_TEST_SCALE (tools/torture: 10 million
// rows).
#include <doctest/doctest.h>

#include <csignal>

#include "cli/cli_cluster.hpp"
#include "cli/slot_source.hpp"
#include "harness/trial.hpp"

using namespace pgstride::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool k_sanitized = true;  // shadow memory counts
#else
constexpr bool k_sanitized = false;
#endif

constexpr long k_limit_kb = 100 * 1024;

long scaled(long rows) {
  return rows * number_from("PGSTRIDE_TEST_SCALE", 1);
}

}  // namespace

TEST_CASE("Memory stays under 100 MB with four workers") {
  const auto name = items_database(scaled(500'000));
  for (const std::string compression : {"zstd:1", "gzip:1", "none"}) {
    TempDir dir;
    const auto job =
        items_job(name, dir / "job", {"--chunk-size", "4MB", "-j", "4", "-Z", compression});
    const auto ended = job.run_export();
    INFO(ended.text());
    REQUIRE(ended.code == 0);
    MESSAGE(compression << ", " << scaled(500'000) << " rows: peak " << ended.peak_kb << " kB");
    CHECK((k_sanitized || ended.peak_kb < k_limit_kb));
    const auto verified = run(program({"verify", job.directory}));
    MESSAGE("verify: peak " << verified.peak_kb << " kB");
    CHECK(verified.code == 0);
    CHECK((k_sanitized || verified.peak_kb < k_limit_kb));
  }
}

TEST_CASE("Memory stays under 100 MB while a plan of very many chunks is stored, and for status") {
  const auto name = items_database(scaled(50'000));
  TempDir dir;
  const auto job =
      items_job(name, dir / "job", {"--chunk-rows", "1", "-j", "4", "--max-chunks", "50"});
  const auto ended = run(job.export_command(), {}, std::chrono::seconds(600));
  INFO(ended.text());
  REQUIRE(ended.code == 3);
  const auto status = run(program({"status", job.directory, "--json"}));
  const auto chunks = Json::parse(status.out)["chunks"]["total"].get<long>();
  MESSAGE(chunks << " chunks: peak " << ended.peak_kb << " kB, status " << status.peak_kb << " kB");
  CHECK(chunks > scaled(50'000) / 2);
  CHECK((k_sanitized || ended.peak_kb < k_limit_kb));
  CHECK((k_sanitized || status.peak_kb < k_limit_kb));
}

TEST_CASE("Memory stays under 100 MB while the slot tells a resume of very many changes") {
  Source source(keyed_rows(20'000));
  const auto job = source.export_job({"--chunk-rows", "1000", "-j", "1"});
  REQUIRE(job.run_export({{"PGSTRIDE_CRASH_AT", "chunk_claimed:15"}}).signal == SIGKILL);
  // Of keys that lie in no finished range all are looked up, in several transactions and in one.
  for (int part = 0; part < 3; ++part) {
    source.session.exec("INSERT INTO keyed SELECT 100000000 * (1 + " + std::to_string(part) +
                        ") + i, repeat('x', 100) FROM generate_series(1, " +
                        std::to_string(scaled(100'000)) + ") i");
  }
  source.session.exec("UPDATE keyed SET note = 'y' WHERE id > 1000000");
  const auto ended = run(job.resume_command(), {}, std::chrono::seconds(1200));
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  MESSAGE(scaled(600'000) << " changes: peak " << ended.peak_kb << " kB");
  CHECK((k_sanitized || ended.peak_kb < k_limit_kb));
  check_files(source, job);
  CHECK(table_of(job.status()).at("redone") < 5);  // what was in flight
}

TEST_CASE("Rows of 200 MB pass through in every format") {
  const auto name = cli_cluster().create_database("wide");
  auto session = cli_cluster().session(name);
  const TableKind wide{.name = "wide", .create = R"(
      CREATE TABLE {t} (id int PRIMARY KEY, body text);
      ALTER TABLE {t} ALTER body SET STORAGE EXTERNAL;
      INSERT INTO {t} SELECT i, repeat(i::text || '"', {n} / 2) FROM generate_series(1, 3) i)"};
  const long bytes = k_sanitized ? 20'000'000 : 200'000'000;
  create_tables(session, {wide}, bytes);
  for (const std::string format : {"csv", "binary"}) {
    TempDir dir;
    const ExportJob job{.conninfo = cli_cluster().conninfo(name),
                        .directory = dir / "job",
                        .kinds = {wide},
                        .options = {"--format", format, "-j", "1"}};
    const auto ended = job.run_export();
    INFO(ended.text());
    REQUIRE(ended.code == 0);
    MESSAGE(format << ": peak " << ended.peak_kb << " kB");
    Problems problems;
    LoadBack back(session, job.directory);
    const auto target = back.load(wide, false, problems);
    CHECK(joined(problems) == "");
    const auto sums =
        "SELECT sum(id), sum(length(body)), string_agg(md5(body), ',' ORDER BY id) FROM ";
    CHECK(session.exec(sums + target) == session.exec(sums + wide.quoted()));
    session.exec("DROP SCHEMA back CASCADE");
  }
}

TEST_CASE("One id at 9e18 among many dense ones makes no chunk above twice the target") {
  const auto name = items_database(scaled(100'000));
  cli_cluster().exec("INSERT INTO items VALUES (9000000000000000000, 'giant'); ANALYZE items",
                     name);
  TempDir dir;
  const auto job = items_job(name, dir / "job", {"--chunk-rows", "2000", "-j", "2"});
  const auto ended = job.run_export();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  long most = 0;
  const auto manifest = read_manifest_json(job.directory);
  for (const auto& file : manifest["tables"][0]["files"]) {
    most = std::max(most, file["rows"].get<long>());
  }
  CHECK(most <= 4000);
}
