#include "checkpoint/sqlite_books.hpp"

namespace pgstride::checkpoint {

bool SqliteBooks::has_book(std::int64_t target_id) {
  Query query = m_db.query("SELECT 1 FROM book WHERE target_id = ?1", target_id);
  return query.next();
}

void SqliteBooks::make_book(std::int64_t target_id) {
  m_db.execute("INSERT OR IGNORE INTO book (target_id) VALUES (?1)", target_id);
}

void SqliteBooks::drop_book(std::int64_t target_id) {
  Step step(m_db);
  for (const char* statement : {"DELETE FROM book_chunk WHERE target_id = ?1",
                                "DELETE FROM book_table WHERE target_id = ?1",
                                "DELETE FROM book_emptying WHERE target_id = ?1",
                                "DELETE FROM book WHERE target_id = ?1"}) {
    m_db.execute(statement, target_id);
  }
  step.commit();
}

std::vector<BookTableRecord> SqliteBooks::tables(std::int64_t target_id) {
  std::vector<BookTableRecord> tables;
  Query query = m_db.query(
      "SELECT key, generation, base, oid, mark FROM book_table WHERE target_id = ?1 ORDER BY key",
      target_id);
  while (query.next()) {
    auto& table = tables.emplace_back();
    query.read(table.key, table.generation, table.base, table.oid, table.mark);
  }
  return tables;
}

void SqliteBooks::put_table(std::int64_t target_id, const BookTableRecord& table) {
  m_db.execute(R"(
    INSERT OR REPLACE INTO book_table (target_id, key, generation, base, oid, mark)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6))",
               target_id, table.key, table.generation, table.base,
               static_cast<std::int64_t>(table.oid), table.mark);
}

std::vector<BookChunkRecord> SqliteBooks::chunks(std::int64_t target_id) {
  std::vector<BookChunkRecord> chunks;
  Query query = m_db.query(R"(
    SELECT chunk_id, key, valid_lsn, rows, ignored, superseded, rejected, updated, mark, done
      FROM book_chunk WHERE target_id = ?1 ORDER BY chunk_id)",
                           target_id);
  while (query.next()) {
    auto& chunk = chunks.emplace_back();
    query.read(chunk.chunk_id, chunk.key, chunk.valid_lsn, chunk.counts.rows, chunk.counts.ignored,
               chunk.counts.superseded, chunk.counts.rejected, chunk.counts.updated, chunk.mark,
               chunk.done);
  }
  return chunks;
}

void SqliteBooks::put_chunk(std::int64_t target_id, const BookChunkRecord& chunk) {
  m_db.execute(R"(
    INSERT OR REPLACE INTO book_chunk
           (target_id, chunk_id, key, valid_lsn, rows, ignored, superseded, rejected, updated,
            mark, done)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11))",
               target_id, chunk.chunk_id, chunk.key, chunk.valid_lsn, chunk.counts.rows,
               chunk.counts.ignored, chunk.counts.superseded, chunk.counts.rejected,
               chunk.counts.updated, chunk.mark, static_cast<std::int64_t>(chunk.done));
}

void SqliteBooks::chunk_done(std::int64_t target_id, std::int64_t chunk_id) {
  m_db.execute("UPDATE book_chunk SET done = 1 WHERE target_id = ?1 AND chunk_id = ?2", target_id,
               chunk_id);
}

void SqliteBooks::drop_chunk(std::int64_t target_id, std::int64_t chunk_id) {
  m_db.execute("DELETE FROM book_chunk WHERE target_id = ?1 AND chunk_id = ?2", target_id,
               chunk_id);
}

BookEmptying SqliteBooks::emptying(std::int64_t target_id) {
  BookEmptying emptying;
  Query query = m_db.query(R"(
    SELECT mark, key, generation, base, oid
      FROM book_emptying WHERE target_id = ?1 ORDER BY key)",
                           target_id);
  while (query.next()) {
    auto& table = emptying.tables.emplace_back();
    query.read(table.mark, table.key, table.generation, table.base, table.oid);
    emptying.mark = table.mark;
  }
  return emptying;
}

void SqliteBooks::put_emptying(std::int64_t target_id, const BookEmptying& emptying) {
  Step step(m_db);
  for (const auto& table : emptying.tables) {
    m_db.execute(R"(
      INSERT INTO book_emptying (target_id, mark, key, generation, base, oid)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6))",
                 target_id, emptying.mark, table.key, table.generation, table.base,
                 static_cast<std::int64_t>(table.oid));
  }
  step.commit();
}

void SqliteBooks::end_emptying(std::int64_t target_id, bool committed) {
  Step step(m_db);
  if (committed) {
    m_db.execute(R"(
      DELETE FROM book_chunk WHERE target_id = ?1
         AND key IN (SELECT key FROM book_emptying WHERE target_id = ?1))",
                 target_id);
    m_db.execute(R"(
      INSERT OR REPLACE INTO book_table (target_id, key, generation, base, oid, mark)
      SELECT target_id, key, generation, base, oid, mark FROM book_emptying WHERE target_id = ?1)",
                 target_id);
  }
  m_db.execute("DELETE FROM book_emptying WHERE target_id = ?1", target_id);
  step.commit();
}

}  // namespace pgstride::checkpoint
