// The life of a delivery, and the order in which chunks are claimed.
#include <doctest/doctest.h>

#include <random>

#include "samples.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::checkpoint {

namespace {

struct Fixture {
  test::TempDir dir;
  std::unique_ptr<CheckpointStore> store = open_store(dir.path());
  std::int64_t table = store->add_table(sample_table("t"));
};

void check_totals(CheckpointStore& store) {
  for (const TableTotals& totals : store.totals()) {
    CHECK(text_of(totals) == text_of(added_up(store, totals.table_id)));
  }
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "chunks are claimed by rank, then number, however they were added") {
  const std::int64_t other = store->add_table(sample_table("u"));
  for (std::int64_t number = 19; number >= 0; --number) {
    store->add_chunks(2, sample_chunks(table, number, 1));
  }
  store->add_chunks(1, sample_chunks(other, 5, 3));
  std::vector<std::pair<std::int64_t, std::int64_t>> claimed;
  while (const auto chunk = store->claim(1, 2)) {
    claimed.emplace_back(chunk->chunk.table_id, chunk->chunk.number);
  }
  REQUIRE(claimed.size() == 23);
  CHECK(claimed[0] == std::pair(other, std::int64_t{5}));
  CHECK(claimed[2] == std::pair(other, std::int64_t{7}));
  for (std::int64_t number = 0; number < 20; ++number) {
    CHECK(claimed[static_cast<std::size_t>(number) + 3] == std::pair(table, number));
  }
}

TEST_CASE_FIXTURE(Fixture, "a claimed chunk is running with its worker and start") {
  store->add_chunks(0, sample_chunks(table, 0, 2));
  store->claim(7, 99);
  const Delivery delivery = deliveries(*store).at(0);
  CHECK(delivery.state == "running");
  CHECK(delivery.result.worker == 7);
  CHECK(delivery.result.started_us == 99);
  CHECK(deliveries(*store, table, "running").size() == 1);
  CHECK(deliveries(*store, table, "planned").at(0).chunk.number == 1);
}

TEST_CASE_FIXTURE(Fixture, "a done result comes back with every field") {
  store->add_chunks(0, sample_chunks(table, 0, 1));
  const auto chunk = store->claim(1, 5);
  REQUIRE(chunk);
  ChunkResult put = sample_result(chunk->chunk, Outcome::done);
  put.valid_lsn = Lsn{0xFFFFFFFF00000001};
  store->finish(put);
  const Delivery got = deliveries(*store).at(0);
  CHECK(got.state == "done");
  CHECK(got.result.chunk_id == put.chunk_id);
  CHECK(got.result.table_id == put.table_id);
  CHECK(got.result.outcome == Outcome::done);
  CHECK(got.result.attempts == put.attempts);
  CHECK(got.result.rows == put.rows);
  CHECK(got.result.bytes == put.bytes);
  CHECK(got.result.raw_bytes == put.raw_bytes);
  CHECK(got.result.file == put.file);
  CHECK(got.result.xxh3 == put.xxh3);
  CHECK(got.result.valid_lsn == put.valid_lsn);
  CHECK(got.result.snapshot == put.snapshot);
  CHECK(got.result.worker == put.worker);
  CHECK(got.result.started_us == put.started_us);
  CHECK(got.result.finished_us == put.finished_us);
  CHECK(got.result.error.empty());
}

TEST_CASE_FIXTURE(Fixture, "only a running chunk can be finished") {
  store->add_chunks(0, sample_chunks(table, 0, 1));
  Chunk planned = deliveries(*store).at(0).chunk;
  const auto kind_of_finish = [&](const Chunk& chunk) {
    try {
      store->finish(sample_result(chunk, Outcome::done));
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::usage;
  };
  CHECK(kind_of_finish(planned) == ErrorKind::internal);
  const Chunk done = claim_and_finish(*store, Outcome::done);
  CHECK(kind_of_finish(done) == ErrorKind::internal);
  store->redo_table(table, 0, "again");
  store->set_aside(table, 0, "aside");
  CHECK(kind_of_finish(done) == ErrorKind::internal);
  planned.id = 1000;
  CHECK(kind_of_finish(planned) == ErrorKind::internal);
  check_totals(*store);
}

TEST_CASE_FIXTURE(Fixture, "a cancelled chunk is planned again and its attempts add up") {
  store->add_chunks(0, sample_chunks(table, 0, 1));
  claim_and_finish(*store, Outcome::cancelled);
  claim_and_finish(*store, Outcome::snapshot_lost);
  Delivery delivery = deliveries(*store).at(0);
  CHECK(delivery.state == "planned");
  CHECK(delivery.result.attempts == 2);
  CHECK(delivery.result.error.empty());
  claim_and_finish(*store, Outcome::done);
  delivery = deliveries(*store).at(0);
  CHECK(delivery.state == "done");
  CHECK(delivery.result.attempts == 3);
}

TEST_CASE_FIXTURE(Fixture, "a failed chunk keeps its error, is not claimed, and can be released") {
  store->add_chunks(0, sample_chunks(table, 0, 2));
  claim_and_finish(*store, Outcome::failed);
  claim_and_finish(*store, Outcome::done);
  CHECK_FALSE(store->claim(1, 1));
  CHECK(deliveries(*store, 0, "failed").at(0).result.error == "it didn't work");
  TableRecord record = store->tables().at(0);
  record.state = "failed";
  record.error = "one of 2 chunks failed";
  store->put_table(record);
  const std::int64_t other = store->add_table(sample_table("u"));
  record = store->tables().at(1);
  record.state = "done";
  store->put_table(record);

  CHECK(store->release_failed() == 1);
  CHECK(store->release_failed() == 0);
  CHECK(store->tables().at(0).state == "planned");
  CHECK(store->tables().at(0).error.empty());
  CHECK(store->tables().at(1).table.id == other);
  CHECK(store->tables().at(1).state == "done");
  const Delivery released = deliveries(*store).at(0);
  CHECK(released.state == "planned");
  CHECK(released.result.attempts == 1);
  CHECK(released.result.error.empty());
  CHECK(store->claim(1, 1)->chunk.number == 0);
  check_totals(*store);
}

TEST_CASE_FIXTURE(Fixture, "running chunks are released with the reason, others are left alone") {
  store->add_chunks(0, sample_chunks(table, 0, 4));
  claim_and_finish(*store, Outcome::done);
  store->claim(1, 1);
  store->claim(2, 1);
  CHECK(store->release_running("the process died") == 2);
  CHECK(store->release_running("again") == 0);
  const auto all = deliveries(*store);
  CHECK(all[0].redo_reason.empty());
  CHECK(all[1].redo_reason == "the process died");
  CHECK(all[1].state == "planned");
  CHECK(all[1].result.worker == 0);
  CHECK(all[2].redo_reason == "the process died");
  CHECK(all[3].redo_reason.empty());
  CHECK(totals_of(*store, table).redo == 2);
  claim_and_finish(*store, Outcome::done);
  CHECK(totals_of(*store, table).redo == 1);
  CHECK(deliveries(*store)[1].redo_reason == "the process died");
  check_totals(*store);
}

TEST_CASE_FIXTURE(
    Fixture,
    "what is planned of a table set aside is not claimed, what runs is finished, others go on") {
  const std::int64_t other = store->add_table(sample_table("u"));
  store->add_chunks(0, sample_chunks(table, 0, 4));
  store->add_chunks(1, sample_chunks(other, 0, 1));
  claim_and_finish(*store, Outcome::done);
  claim_and_finish(*store, Outcome::failed);
  const std::optional<Claim> running = store->claim(1, 1);
  REQUIRE(running);
  CHECK(store->set_aside(table, 0, "table was dropped") == 1);
  const auto all = deliveries(*store, table);
  CHECK(all[0].state == "done");
  CHECK(all[1].result.error == "it didn't work");
  CHECK(all[2].state == "running");
  CHECK(all[3].state == "failed");
  CHECK(all[3].result.error == "table was dropped");
  CHECK_NOTHROW(store->finish(sample_result(running->chunk, Outcome::done)));
  CHECK(store->claim(1, 1)->chunk.table_id == other);
  check_totals(*store);
}

TEST_CASE_FIXTURE(Fixture, "redoing one chunk leaves the others and their files as they are") {
  store->add_chunks(0, sample_chunks(table, 0, 3));
  const Chunk first = claim_and_finish(*store, Outcome::done);
  const Chunk second = claim_and_finish(*store, Outcome::done);
  const auto files = [&] {
    std::vector<std::int64_t> chunks;
    store->each_file([&](const RecordedFile& file) {
      CHECK(file.table_id == table);
      CHECK(file.bytes == 100);
      CHECK_FALSE(file.file.empty());
      chunks.push_back(file.chunk_id);
    });
    return chunks;
  };
  CHECK(files() == std::vector{first.id, second.id});
  store->redo_chunk(first.id, "file missing");
  CHECK(files() == std::vector{second.id});
  const auto all = deliveries(*store);
  CHECK(all[0].state == "planned");
  CHECK(all[0].redo_reason == "file missing");
  CHECK(all[0].result.file.empty());
  CHECK(all[1].state == "done");
  CHECK_THROWS_AS(store->redo_chunk(all[2].chunk.id, "file missing"), Error);
  CHECK(store->claim(1, 1)->chunk.id == first.id);
  check_totals(*store);
}

TEST_CASE_FIXTURE(Fixture, "redoing a table clears what was done and says why") {
  store->add_chunks(0, sample_chunks(table, 0, 4));
  claim_and_finish(*store, Outcome::done);
  claim_and_finish(*store, Outcome::done);
  claim_and_finish(*store, Outcome::failed);
  CHECK(store->redo_table(table, 0, "the snapshot is gone") == 2);
  const auto all = deliveries(*store);
  for (const Delivery& delivery : all) {
    CHECK(delivery.state == "planned");
    CHECK(delivery.result.attempts == 0);
    CHECK(delivery.result.rows == 0);
    CHECK(delivery.result.bytes == 0);
    CHECK(delivery.result.raw_bytes == 0);
    CHECK(delivery.result.file.empty());
    CHECK(delivery.result.xxh3.empty());
    CHECK(delivery.result.valid_lsn == Lsn{});
    CHECK(delivery.result.error.empty());
  }
  CHECK(all[0].redo_reason == "the snapshot is gone");
  CHECK(all[1].redo_reason == "the snapshot is gone");
  CHECK(all[2].redo_reason.empty());
  CHECK(totals_of(*store, table).redo == 2);
  CHECK(store->claim(1, 1)->chunk.number == 0);
  check_totals(*store);
}

TEST_CASE_FIXTURE(Fixture, "dropped chunks are gone, and new ones never get their ids") {
  store->add_chunks(0, sample_chunks(table, 0, 3));
  const std::int64_t last_id = deliveries(*store).at(2).chunk.id;
  claim_and_finish(*store, Outcome::done);
  store->drop_chunks(table);
  CHECK(deliveries(*store).empty());
  CHECK_FALSE(store->claim(1, 1));
  CHECK(totals_of(*store, table).chunks == 0);
  store->add_chunks(0, sample_chunks(table, 0, 1));
  CHECK(deliveries(*store).at(0).chunk.id > last_id);
  check_totals(*store);
}

TEST_CASE_FIXTURE(Fixture, "numbers count on through all leaves of a parent") {
  Table leaf = sample_table("t");
  leaf.leaf_name = "t_2";
  const std::int64_t second = store->add_table(leaf);
  CHECK(store->next_number("public", "t") == 0);
  store->add_chunks(0, sample_chunks(table, 0, 3));
  CHECK(store->next_number("public", "t") == 3);
  store->add_chunks(0, sample_chunks(second, 3, 2));
  CHECK(store->next_number("public", "t") == 5);
  CHECK(store->next_number("public", "u") == 0);
  store->drop_chunks(second);
  CHECK(store->next_number("public", "t") == 3);
}

TEST_CASE_FIXTURE(Fixture, "a table without chunks has totals of zero") {
  CHECK(text_of(totals_of(*store, table)) == text_of(TableTotals{.table_id = table}));
}

TEST_CASE_FIXTURE(Fixture, "the kept totals equal the sums after any sequence of changes") {
  const std::int64_t other = store->add_table(sample_table("u"));
  std::mt19937 random(20240201);
  std::int64_t next = 0;
  for (int step = 0; step < 600; ++step) {
    const std::int64_t id = random() % 2 == 0 ? table : other;
    switch (random() % 16) {
    case 0:
      store->add_chunks(static_cast<std::int64_t>(random() % 3), sample_chunks(id, next, 9));
      next += 9;
      break;
    case 1:
      store->release_running("died");
      break;
    case 2:
      store->release_failed();
      break;
    case 3:
      if (random() % 4 == 0) {
        store->set_aside(id, 0, "aside");
      }
      break;
    case 4:
      if (random() % 4 == 0) {
        const std::int64_t done = totals_of(*store, id).done;
        CHECK(store->redo_table(id, 0, "redo") == done);
      }
      break;
    case 5:
      if (random() % 10 == 0) {
        store->drop_chunks(id);
      }
      break;
    default:
      if (const auto chunk = store->claim(1, step); chunk && random() % 8 != 0) {
        constexpr Outcome k_outcomes[] = {Outcome::done, Outcome::done, Outcome::failed,
                                          Outcome::cancelled, Outcome::snapshot_lost};
        store->finish(sample_result(chunk->chunk, k_outcomes[random() % 5]));
      }
    }
    check_totals(*store);
  }
}

TEST_CASE_FIXTURE(Fixture, "a chunk is claimed once for all the targets that still need it") {
  std::vector<TargetRecord> both_targets(2);
  both_targets[0].id = 1;
  both_targets[1].id = 2;
  both_targets[0].kind = both_targets[1].kind = "database";
  store->set_targets(both_targets);
  store->add_chunks(0, sample_chunks(table, 0, 2));

  const auto both = store->claim(1, 1);
  REQUIRE(both);
  CHECK(both->targets == std::vector<std::int64_t>{1, 2});
  ChunkResult done = sample_result(both->chunk, Outcome::done);
  store->finish(done);
  done.target_id = 2;
  done.outcome = Outcome::cancelled;
  store->finish(done);

  const auto again = store->claim(1, 1);
  REQUIRE(again);
  CHECK(again->chunk.id == both->chunk.id);
  CHECK(again->targets == std::vector<std::int64_t>{2});
  CHECK(store->set_aside(0, 2, "the target is gone") == 1);
  const auto last = store->claim(1, 1);
  REQUIRE(last);
  CHECK(last->chunk.number == 1);
  CHECK(last->targets == std::vector<std::int64_t>{1});
  CHECK_FALSE(store->claim(1, 1));

  const auto totals = store->totals_of_targets();
  REQUIRE(totals.size() == 2);
  CHECK(totals[0].done == 1);
  CHECK(totals[0].running == 1);
  CHECK(totals[1].running == 1);
  CHECK(totals[1].failed == 1);
}

TEST_CASE_FIXTURE(Fixture, "a target's ledger settles a delivery, whatever its state was") {
  store->add_chunks(0, sample_chunks(table, 0, 2));
  const Chunk chunk = claim_and_finish(*store, Outcome::done);
  ChunkResult result;
  result.chunk_id = chunk.id;
  result.table_id = table;
  result.outcome = Outcome::cancelled;
  store->settle(result, "the target does not have it");
  CHECK(deliveries(*store, table, "planned").size() == 2);
  CHECK(totals_of(*store, table).rows == 0);
  CHECK(totals_of(*store, table).redo == 1);

  result.outcome = Outcome::done;
  result.rows = 7;
  store->settle(result, "");
  CHECK(totals_of(*store, table).rows == 7);
  CHECK(totals_of(*store, table).done == 1);
  check_totals(*store);
}

TEST_CASE_FIXTURE(Fixture, "giving up what was done of a table begins a new generation of it") {
  store->add_chunks(0, sample_chunks(table, 0, 1));
  CHECK(store->generations(1).at(table) == 0);
  store->redo_table(table, 0, "why");
  const auto second = store->generations(1).at(table);
  CHECK(second > 0);
  store->drop_chunks(table);
  CHECK(store->generations(1).at(table) > second);
}

}  // namespace pgstride::checkpoint
