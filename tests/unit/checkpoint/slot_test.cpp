#include <doctest/doctest.h>

#include "checkpoint/sqlite_db.hpp"
#include "support/temp_dir.hpp"
#include "unit/checkpoint/samples.hpp"

namespace pgstride::checkpoint {

TEST_CASE("a slot, what is published and who reads come back with every field") {
  const test::TempDir dir;
  const SlotRecord slot{.name = "hand",
                        .plugin = "pgoutput",
                        .failover = true,
                        .state = "created",
                        .not_before = Lsn{7},
                        .consistent_point = Lsn{0xFFFFFFFF00000001},
                        .advanced_to = Lsn{9},
                        .publication = "Pub\"lic",
                        .private_publication = "pgstride_1",
                        .handed_over = true,
                        .told_besides = "public.others"};
  const PublishedTable left_out{false, "it has no primary key", 'n', {}};
  const PublishedTable taken{true, "", 'i', {"a", "B\""}};
  std::int64_t first = 0;
  std::int64_t second = 0;
  {
    const auto store = open_store(dir.path());
    CHECK_FALSE(store->slot());
    first = store->add_table(sample_table("a"));
    second = store->add_table(sample_table("b"));
    store->put_slot(SlotRecord{});
    store->put_slot(slot);
    store->put_published(first, taken);
    store->put_published(second, taken);
    store->put_published(second, left_out);
    store->put_consumer({1, "hand", "sub", "copying"});
    store->put_consumer({1, "hand", "sub", "subscribed"});
  }
  const auto store = open_store_read_only(dir.path());
  const auto got = store->slot();
  REQUIRE(got);
  CHECK(got->name == slot.name);
  CHECK(got->plugin == slot.plugin);
  CHECK(got->failover);
  CHECK(got->state == slot.state);
  CHECK(got->not_before == slot.not_before);
  CHECK(got->consistent_point == slot.consistent_point);
  CHECK(got->advanced_to == slot.advanced_to);
  CHECK(got->publication == slot.publication);
  CHECK(got->private_publication == slot.private_publication);
  CHECK(got->handed_over);
  CHECK(got->told_besides == slot.told_besides);
  CHECK(store->published() ==
        std::map<std::int64_t, PublishedTable>{{first, taken}, {second, left_out}});
  REQUIRE(store->consumers().size() == 1);
  CHECK(store->consumers()[0].state == "subscribed");
}

TEST_CASE("a checkpoint from before slots is read as it is, and gets their tables when written") {
  const test::TempDir dir;
  {
    const auto store = open_store(dir.path());
    store->add_table(sample_table("kept"));
  }
  Database(dir / "checkpoint.db", OpenMode::write)
      .execute_script("DROP TABLE slot; DROP TABLE published; DROP TABLE consumer;"
                      "DROP TABLE membership; ALTER TABLE delivery DROP COLUMN needed_lsn;"
                      "PRAGMA user_version = 2");
  {
    const auto store = open_store_read_only(dir.path());
    CHECK_FALSE(store->slot());
    CHECK(store->published().empty());
    CHECK(store->consumers().empty());
    CHECK(store->tables().size() == 1);
  }
  const auto store = open_store(dir.path());
  store->put_slot(SlotRecord{});
  CHECK(store->slot());
  CHECK(store->tables().size() == 1);
  open_store(dir.path());
}

TEST_CASE(
    "a checkpoint of version 3 or 4 is read as it is, and remembers what is dirty when written") {
  const test::TempDir dir;
  {
    const auto store = open_store(dir.path());
    const auto table = store->add_table(sample_table("kept"));
    store->add_chunks(0, sample_chunks(table, 0, 2));
    store->put_slot(SlotRecord{});
  }
  Database(dir / "checkpoint.db", OpenMode::write)
      .execute_script("DROP TABLE membership; ALTER TABLE delivery DROP COLUMN needed_lsn;"
                      "PRAGMA user_version = 4");
  SUBCASE("3") {
    Database(dir / "checkpoint.db", OpenMode::write)
        .execute_script("ALTER TABLE book_table DROP COLUMN mark;"
                        "ALTER TABLE slot DROP COLUMN told_besides; PRAGMA user_version = 3");
  }
  SUBCASE("4") {}
  CHECK(open_store_read_only(dir.path())->slot());
  CHECK(deliveries(*open_store_read_only(dir.path())).size() == 2);
  const auto store = open_store(dir.path());
  CHECK(store->slot());
  CHECK(store->memberships().empty());
  REQUIRE(deliveries(*store).size() == 2);
  CHECK(deliveries(*store).at(0).needed_lsn == Lsn{});
}

}  // namespace pgstride::checkpoint
