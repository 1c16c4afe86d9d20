// The books of a load in SQLite. Belongs to the thread of the database.
#pragma once

#include <vector>

#include "checkpoint/book_store.hpp"
#include "checkpoint/sqlite_db.hpp"

namespace pgstride::checkpoint {

class SqliteBooks final : public BookStore {
 public:
  /// The database outlives this.
  explicit SqliteBooks(Database& db) : m_db(db) {}

  bool has_book(std::int64_t target_id) override;
  void make_book(std::int64_t target_id) override;
  void drop_book(std::int64_t target_id) override;
  std::vector<BookTableRecord> tables(std::int64_t target_id) override;
  void put_table(std::int64_t target_id, const BookTableRecord& table) override;
  std::vector<BookChunkRecord> chunks(std::int64_t target_id) override;
  void put_chunk(std::int64_t target_id, const BookChunkRecord& chunk) override;
  void chunk_done(std::int64_t target_id, std::int64_t chunk_id) override;
  void drop_chunk(std::int64_t target_id, std::int64_t chunk_id) override;
  BookEmptying emptying(std::int64_t target_id) override;
  void put_emptying(std::int64_t target_id, const BookEmptying& emptying) override;
  void end_emptying(std::int64_t target_id, bool committed) override;

 private:
  Database& m_db;
};

}  // namespace pgstride::checkpoint
