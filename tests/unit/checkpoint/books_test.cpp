// What targets without a ledger hold, as the checkpoint keeps it.
#include <doctest/doctest.h>

#include "checkpoint/checkpoint_store.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::checkpoint {

namespace {

std::string text_of(const std::vector<BookTableRecord>& tables) {
  std::string text;
  for (const auto& table : tables) {
    text += table.key + ":" + std::to_string(table.generation) + ":" + table.base + ":" +
            std::to_string(table.oid) + (table.mark.empty() ? "" : ":" + table.mark) + " ";
  }
  return text;
}

std::string text_of(const std::vector<BookChunkRecord>& chunks) {
  std::string text;
  for (const auto& chunk : chunks) {
    text += std::to_string(chunk.chunk_id) + ":" + chunk.key + ":" + chunk.valid_lsn.text() + ":" +
            std::to_string(chunk.counts.rows) + ":" + std::to_string(chunk.counts.rejected) + ":" +
            chunk.mark + (chunk.done ? ":done " : " ");
  }
  return text;
}

}  // namespace

TEST_CASE("A book keeps a chunk's mark and counts, and whether it is done") {
  test::TempDir dir;
  {
    const auto store = open_store(dir.path());
    auto& books = store->books();
    CHECK_FALSE(books.has_book(1));
    books.make_book(1);
    books.make_book(1);
    books.put_chunk(1, {7, "a", Lsn{16}, {10, 1, 2, 3}, "old", false});
    books.put_chunk(1, {7, "a", Lsn{17}, {11, 1, 2, 3}, "new", false});
    books.put_chunk(1, {8, "a", Lsn{17}, {5}, "x", false});
    books.put_chunk(2, {7, "a", Lsn{17}, {1}, "other target", false});
    books.chunk_done(1, 7);
    books.drop_chunk(2, 7);
  }
  const auto store = open_store(dir.path());
  CHECK(store->books().has_book(1));
  CHECK(text_of(store->books().chunks(1)) == "7:a:0/11:11:3:new:done 8:a:0/11:5:0:x ");
  CHECK(text_of(store->books().chunks(2)) == "");
  store->books().drop_book(1);
  CHECK_FALSE(store->books().has_book(1));
  CHECK(text_of(store->books().chunks(1)) == "");
}

TEST_CASE("Tables that a transaction empties are so only once it is known to be committed") {
  test::TempDir dir;
  const auto store = open_store(dir.path());
  auto& books = store->books();
  books.put_table(1, {"a", 1, "empty", 100});
  books.put_chunk(1, {7, "a", Lsn{16}, {10}, "m", true});
  books.put_chunk(1, {8, "c", Lsn{16}, {10}, "m", true});
  books.put_emptying(1, {"mark", {{"a", 2, "empty", 100}, {"b", 0, "truncated", 200}}});
  CHECK(books.emptying(1).mark == "mark");
  CHECK(text_of(books.emptying(1).tables) == "a:2:empty:100:mark b:0:truncated:200:mark ");
  SUBCASE("committed") {
    books.end_emptying(1, true);
    CHECK(text_of(books.tables(1)) == "a:2:empty:100:mark b:0:truncated:200:mark ");
    CHECK(text_of(books.chunks(1)) == "8:c:0/10:10:0:m:done ");
  }
  SUBCASE("not") {
    books.end_emptying(1, false);
    CHECK(text_of(books.tables(1)) == "a:1:empty:100 ");
    CHECK(books.chunks(1).size() == 2);
  }
  CHECK(books.emptying(1).tables.empty());
}

}  // namespace pgstride::checkpoint
