// What is done and has changed since: planned again, and until where the rest holds.
#include <doctest/doctest.h>

#include "samples.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::checkpoint {

namespace {

struct Fixture {
  test::TempDir dir;
  std::unique_ptr<CheckpointStore> store = open_store(dir.path());
  std::int64_t table = store->add_table(sample_table("t"));

  Fixture() {
    store->add_chunks(0, sample_chunks(table, 0, 3));
    claim_and_finish(*store, Outcome::done);
    claim_and_finish(*store, Outcome::done);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "a dirty chunk is planned again, remembers since when, and keeps that when "
                  "it is done") {
  const auto chunk = deliveries(*store).at(0).chunk;
  store->redo_dirty(chunk.id, k_directory_target, Lsn{500}, "it changed");
  auto delivery = deliveries(*store).at(0);
  CHECK(delivery.state == "planned");
  CHECK(delivery.needed_lsn == Lsn{500});
  CHECK(delivery.redo_reason == "it changed");
  CHECK(delivery.result.file.empty());
  CHECK(text_of(totals_of(*store, table)) == text_of(added_up(*store, table)));
  CHECK(claim_and_finish(*store, Outcome::done).id == chunk.id);
  CHECK(deliveries(*store).at(0).needed_lsn == Lsn{500});
  store->redo_table(table, 0, "all of it");
  CHECK(deliveries(*store).at(0).needed_lsn == Lsn{});  // its generation says so now
}

TEST_CASE_FIXTURE(Fixture, "only what is done can be dirty") {
  CHECK_THROWS_AS(
      store->redo_dirty(deliveries(*store).at(2).chunk.id, k_directory_target, Lsn{5}, "x"), Error);
}

TEST_CASE_FIXTURE(Fixture, "what is done holds under a later snapshot; what is not has none") {
  store->raise_valid(table, Lsn{700}, "9:9:");
  const auto all = deliveries(*store);
  CHECK(all.at(0).result.valid_lsn == Lsn{700});
  CHECK(all.at(1).result.snapshot == "9:9:");
  CHECK(all.at(2).result.valid_lsn == Lsn{});
  CHECK(text_of(totals_of(*store, table)) == text_of(added_up(*store, table)));
}

TEST_CASE_FIXTURE(Fixture, "what was redone is counted by table and reason") {
  store->redo_dirty(deliveries(*store).at(0).chunk.id, k_directory_target, Lsn{5}, "it changed");
  store->redo_dirty(deliveries(*store).at(1).chunk.id, k_directory_target, Lsn{5}, "it changed");
  const auto redone = store->redone();
  REQUIRE(redone.size() == 1);
  CHECK(redone.front().table_id == table);
  CHECK(redone.front().reason == "it changed");
  CHECK(redone.front().chunks == 2);
}

TEST_CASE_FIXTURE(Fixture, "memberships are replaced as a whole, within a batch too") {
  store->put_memberships({{table, "1:2 3:4"}});
  {
    const auto batch = store->batch();
    store->put_memberships({});
  }
  CHECK(store->memberships().at(table) == "1:2 3:4");
  store->put_memberships({});
  CHECK(store->memberships().empty());
}

}  // namespace pgstride::checkpoint
