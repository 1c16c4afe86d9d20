// What is put into the store comes out as it was.
#include <doctest/doctest.h>

#include "samples.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::checkpoint {

namespace {

JobRecord full_job() {
  JobRecord job;
  job.name = "orders";
  job.verb = "export";
  job.tool_version = "0.1.0";
  job.state = "running";
  job.reason = "none";
  job.settings = R"({"format":"csv"})";
  job.run_settings = R"({"jobs":4})";
  job.source = "host=/tmp dbname=\"näme\"";
  job.system_identifier = "18446744073709551615";
  job.database = "shop";
  job.server_version = "15.8";
  job.timeline = 2;
  job.consistency = "exact";
  job.slot = "s";
  job.publication = "p";
  job.start_lsn = Lsn{0xFFFFFFFFFFFFFFFF};
  job.end_lsn = Lsn{0x8000000000000000};
  job.snapshot_lsn = Lsn{0x16B374D848};
  job.snapshot = "735:740:737";
  job.first_snapshot = "700:700:";
  job.holders = "00000003-1B-1|123|2024-02-01\n00000003-1C-1|124|2024-02-01";
  job.pid = 4711;
  job.created_us = 1;
  job.started_us = 2;
  job.finished_us = 3;
  job.worked_us = 4;
  return job;
}

Table full_table() {
  Table table;
  table.schema = "a.b";
  table.name = "or\"der\ns \xF0\x9F\x98\x80";
  table.leaf_schema = "c";
  table.leaf_name = "leaf '1'";
  table.kind = RelationKind::leaf_partition;
  table.oid = 4'294'967'295U;
  table.relfilenode = 4'000'000'000U;
  table.replica_identity = 'f';
  table.columns = {
      {.name = "id", .attnum = 1, .type_oid = 20, .type = "bigint", .not_null = true},
      {.name = "s\xE4", .attnum = -3, .type_oid = 25, .type = "text", .generated = true}};
  table.where = "id > 5";
  table.split = Split::key;
  Key key;
  key.columns = {{.name = "id",
                  .type = "pg_catalog.int8",
                  .collation = "\"C\"",
                  .collation_version = "2.36",
                  .op_schema = "public",
                  .not_null = true,
                  .descending = true}};
  key.index = "orders_pkey";
  key.primary = true;
  key.unique = true;
  table.key = key;
  table.key_reason = "primary key";
  table.estimated_rows = 9'000'000'000'000'000'000;
  table.estimated_bytes = 123;
  table.chunks = 17;
  table.max_over_avg = 1.25;
  table.warnings = {"statistics are stale", ""};
  return table;
}

}  // namespace

TEST_CASE("a job comes back with every field, positions above 2^63 included") {
  const test::TempDir dir;
  const JobRecord put = full_job();
  {
    const auto store = open_store(dir.path());
    CHECK_FALSE(store->job());
    store->put_job(JobRecord{});
    store->put_job(put);
  }
  const auto got = open_store(dir.path())->job();
  REQUIRE(got);
  CHECK(got->name == put.name);
  CHECK(got->verb == put.verb);
  CHECK(got->tool_version == put.tool_version);
  CHECK(got->state == put.state);
  CHECK(got->reason == put.reason);
  CHECK(got->settings == put.settings);
  CHECK(got->run_settings == put.run_settings);
  CHECK(got->source == put.source);
  CHECK(got->system_identifier == put.system_identifier);
  CHECK(got->database == put.database);
  CHECK(got->server_version == put.server_version);
  CHECK(got->timeline == put.timeline);
  CHECK(got->consistency == put.consistency);
  CHECK(got->slot == put.slot);
  CHECK(got->publication == put.publication);
  CHECK(got->start_lsn == put.start_lsn);
  CHECK(got->end_lsn == put.end_lsn);
  CHECK(got->snapshot_lsn == put.snapshot_lsn);
  CHECK(got->snapshot == put.snapshot);
  CHECK(got->first_snapshot == put.first_snapshot);
  CHECK(got->holders == put.holders);
  CHECK(got->pid == put.pid);
  CHECK(got->created_us == put.created_us);
  CHECK(got->started_us == put.started_us);
  CHECK(got->finished_us == put.finished_us);
  CHECK(got->worked_us == put.worked_us);
}

TEST_CASE("a table comes back with every field, bytes that are not UTF-8 included") {
  const test::TempDir dir;
  const auto store = open_store(dir.path());
  const Table put = full_table();
  const std::int64_t id = store->add_table(put);
  CHECK(store->tables().at(0).state == "planned");
  TableRecord record = store->tables().at(0);
  record.state = "running";
  record.consistency = "fuzzy";
  record.error = "none yet";
  store->put_table(record);

  const TableRecord got = store->tables().at(0);
  CHECK(got.table.id == id);
  CHECK(got.table.schema == put.schema);
  CHECK(got.table.name == put.name);
  CHECK(got.table.leaf_schema == put.leaf_schema);
  CHECK(got.table.leaf_name == put.leaf_name);
  CHECK(got.table.kind == put.kind);
  CHECK(got.table.oid == put.oid);
  CHECK(got.table.relfilenode == put.relfilenode);
  CHECK(got.table.replica_identity == put.replica_identity);
  CHECK(got.table.columns == put.columns);
  CHECK(got.table.where == put.where);
  CHECK(got.table.split == put.split);
  REQUIRE(got.table.key);
  CHECK(got.table.key->columns == put.key->columns);
  CHECK(got.table.key->index == put.key->index);
  CHECK(got.table.key->primary == put.key->primary);
  CHECK(got.table.key->unique == put.key->unique);
  CHECK(got.table.key_reason == put.key_reason);
  CHECK(got.table.estimated_rows == put.estimated_rows);
  CHECK(got.table.estimated_bytes == put.estimated_bytes);
  CHECK(got.table.chunks == put.chunks);
  CHECK(got.table.max_over_avg == put.max_over_avg);
  CHECK(got.table.warnings == put.warnings);
  CHECK(got.state == "running");
  CHECK(got.consistency == "fuzzy");
  CHECK(got.error == "none yet");
}

TEST_CASE("every kind of relation and split comes back") {
  const test::TempDir dir;
  const auto store = open_store(dir.path());
  for (const auto kind :
       {RelationKind::table, RelationKind::leaf_partition, RelationKind::materialized_view,
        RelationKind::view, RelationKind::foreign_table}) {
    for (const auto split : {Split::none, Split::key, Split::ctid}) {
      Table table = sample_table("t" + std::to_string(store->tables().size()));
      table.kind = kind;
      table.split = split;
      store->add_table(table);
      CHECK(store->tables().back().table.kind == kind);
      CHECK(store->tables().back().table.split == split);
      CHECK_FALSE(store->tables().back().table.key);
      CHECK_FALSE(store->tables().back().table.where);
    }
  }
}

TEST_CASE("a leaf can't be stored twice, unless the first was removed") {
  const test::TempDir dir;
  const auto store = open_store(dir.path());
  store->add_table(sample_table("t"));
  CHECK_THROWS_AS(store->add_table(sample_table("t")), Error);
  TableRecord record = store->tables().at(0);
  record.state = "removed";
  store->put_table(record);
  CHECK_NOTHROW(store->add_table(sample_table("t")));
  CHECK(store->tables().size() == 2);
}

TEST_CASE("a table that was never added can't be put") {
  const test::TempDir dir;
  const auto store = open_store(dir.path());
  TableRecord record;
  record.table = sample_table("t");
  record.table.id = 5;
  CHECK_THROWS_AS(store->put_table(record), Error);
}

TEST_CASE("bounds, pages and kinds of chunks come back byte for byte") {
  const test::TempDir dir;
  const auto store = open_store(dir.path());
  const std::int64_t id = store->add_table(sample_table("t"));
  std::vector<Chunk> put = sample_chunks(id, 0, 5);
  put[0].upper = KeyValue{"-9223372036854775808", "", "a\"b\\c\n\t\x01", "\xF0\x9F\x98\x80"};
  put[1].lower = KeyValue{"\xFF\xFE not utf-8 \xC3", "{\"hex\":\"00\"}"};
  put[1].page_lower = 0;
  put[1].page_upper = 4'294'967'295U;
  put[2].kind = ChunkKind::null_keys;
  put[2].lower.reset();
  put[2].upper.reset();
  put[3].kind = ChunkKind::ctid;
  put[3].lower.reset();
  put[3].upper.reset();
  put[3].page_upper = 4096;
  put[4].kind = ChunkKind::whole;
  put[4].lower = KeyValue{};
  put[4].estimated_bytes = 1LL << 40;
  store->add_chunks(0, put);
  const std::vector<Delivery> got = deliveries(*store);
  REQUIRE(got.size() == put.size());
  for (std::size_t i = 0; i < put.size(); ++i) {
    CHECK(got[i].chunk.id != 0);
    CHECK(got[i].chunk.table_id == id);
    CHECK(got[i].chunk.number == put[i].number);
    CHECK(got[i].chunk.kind == put[i].kind);
    CHECK(got[i].chunk.lower == put[i].lower);
    CHECK(got[i].chunk.upper == put[i].upper);
    CHECK(got[i].chunk.page_lower == put[i].page_lower);
    CHECK(got[i].chunk.page_upper == put[i].page_upper);
    CHECK(got[i].chunk.estimated_rows == put[i].estimated_rows);
    CHECK(got[i].chunk.estimated_bytes == put[i].estimated_bytes);
    const auto claimed = store->claim(0, 0);
    REQUIRE(claimed);
    CHECK(claimed->chunk.id == got[i].chunk.id);
    CHECK(claimed->chunk.lower == put[i].lower);
    CHECK(claimed->chunk.upper == put[i].upper);
  }
}

TEST_CASE("events come back in the order they happened") {
  const test::TempDir dir;
  const auto store = open_store(dir.path());
  store->add_event({.time_us = 9, .kind = "start", .message = "first"});
  store->add_event({.time_us = 8, .kind = "fault", .message = "sec\nond"});
  const auto events = store->events();
  REQUIRE(events.size() == 2);
  CHECK(events[0].kind == "start");
  CHECK(events[1].time_us == 8);
  CHECK(events[1].message == "sec\nond");
}

}  // namespace pgstride::checkpoint
