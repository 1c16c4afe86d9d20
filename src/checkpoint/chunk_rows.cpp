#include "checkpoint/chunk_rows.hpp"

#include <fmt/format.h>

#include <exception>
#include <map>

#include "checkpoint/deliveries.hpp"
#include "checkpoint/json_text.hpp"

namespace pgstride::checkpoint {

namespace {

const char* kind_name(ChunkKind kind) {
  switch (kind) {
  case ChunkKind::range:
    return "range";
  case ChunkKind::null_keys:
    return "null keys";
  case ChunkKind::ctid:
    return "ctid";
  case ChunkKind::whole:
    return "whole";
  case ChunkKind::file:
    return "file";
  }
  return "";
}

ChunkKind kind_of(const std::string& name) {
  for (const ChunkKind kind : {ChunkKind::range, ChunkKind::null_keys, ChunkKind::ctid,
                               ChunkKind::whole, ChunkKind::file}) {
    if (name == kind_name(kind)) {
      return kind;
    }
  }
  throw std::invalid_argument(fmt::format("unknown kind \"{}\"", name));
}

std::optional<std::string> bound_text(const std::optional<KeyValue>& bound) {
  return bound ? std::optional(texts_to_json(*bound)) : std::nullopt;
}

/// What a call of insert_chunks adds to a table.
struct Added {
  std::int64_t chunks = 0;
  std::int64_t estimated_rows = 0;
  std::int64_t estimated_bytes = 0;
  std::int64_t last_number = 0;
};

/// Gives the last of `count` new ids in a row.
std::int64_t reserve_ids(Database& db, std::int64_t count) {
  std::int64_t last = 0;
  Query query = db.query("UPDATE chunk_id SET last = last + ?1 RETURNING last", count);
  if (!query.next()) {
    throw db.damaged("no row in chunk_id");
  }
  query.read(last);
  // RETURNING is over only when the statement is (sqlite.org/lang_returning.html).
  while (query.next()) {
  }
  return last;
}

void add_to_tally(Database& db, std::int64_t table_id, const Added& added) {
  db.execute(R"(
    INSERT INTO tally (tbl_id, target_id, chunks, estimated_rows, estimated_bytes)
    SELECT ?1, id, ?2, ?3, ?4 FROM target WHERE true
        ON CONFLICT DO UPDATE SET
           chunks = chunks + excluded.chunks,
           estimated_rows = estimated_rows + excluded.estimated_rows,
           estimated_bytes = estimated_bytes + excluded.estimated_bytes)",
             table_id, added.chunks, added.estimated_rows, added.estimated_bytes);
  db.execute("UPDATE tbl SET last_number = max(ifnull(last_number, ?2), ?2) WHERE id = ?1",
             table_id, added.last_number);
}

Outcome outcome_of(const std::string& state) {
  if (state == "done") {
    return Outcome::done;
  }
  return state == "failed" ? Outcome::failed : Outcome::cancelled;
}

constexpr std::string_view k_deliveries_of_all = R"(
  SELECT c.id, c.tbl_id, c.number, c.kind, c.file, c.lower, c.upper, c.page_lower, c.page_upper,
         c.estimated_rows, c.estimated_bytes,
         d.state, d.redo_reason, d.attempts, d.rows, d.ignored, d.superseded,
         d.rejected, d.bytes, d.raw_bytes, d.file, d.xxh3,
         d.valid_lsn, d.snapshot, d.worker, d.started_us, d.finished_us, d.error, d.target_id,
         d.needed_lsn
    FROM chunk c
   CROSS JOIN delivery d ON d.chunk_id = c.id
   WHERE (?1 = '' OR d.state = ?1)
   ORDER BY c.tbl_id, c.number, d.target_id)";

constexpr std::string_view k_deliveries_of_table = R"(
  SELECT c.id, c.tbl_id, c.number, c.kind, c.file, c.lower, c.upper, c.page_lower, c.page_upper,
         c.estimated_rows, c.estimated_bytes,
         d.state, d.redo_reason, d.attempts, d.rows, d.ignored, d.superseded,
         d.rejected, d.bytes, d.raw_bytes, d.file, d.xxh3,
         d.valid_lsn, d.snapshot, d.worker, d.started_us, d.finished_us, d.error, d.target_id,
         d.needed_lsn
    FROM chunk c
   CROSS JOIN delivery d ON d.chunk_id = c.id
   WHERE (?1 = '' OR d.state = ?1)
     AND c.tbl_id = ?2
   ORDER BY c.number, d.target_id)";

// A checkpoint of version 4 or older that is only read has no needed_lsn.
std::string as_it_is(Database& db, std::string_view sql) {
  constexpr std::string_view k_column = "d.needed_lsn";
  std::string text(sql);
  if (!has_column(db, "delivery", "needed_lsn")) {
    text.replace(text.find(k_column), k_column.size(), "'0/0'");
  }
  return text;
}

}  // namespace

void take_texts(Database& db, Chunk& chunk, const ChunkTexts& texts) {
  try {
    chunk.kind = kind_of(texts.kind);
    chunk.lower = texts.lower ? std::optional(texts_from_json(*texts.lower)) : std::nullopt;
    chunk.upper = texts.upper ? std::optional(texts_from_json(*texts.upper)) : std::nullopt;
  } catch (const std::exception& error) {
    throw db.damaged(fmt::format("chunk {}: {}", chunk.id, error.what()));
  }
}

void insert_chunks(Database& db, std::int64_t rank, std::span<const Chunk> chunks) {
  std::map<std::int64_t, Added> added;
  Step step(db);
  const std::int64_t last_id = reserve_ids(db, static_cast<std::int64_t>(chunks.size()));
  const std::int64_t first_id = last_id - static_cast<std::int64_t>(chunks.size()) + 1;
  std::int64_t id = first_id;
  for (const Chunk& chunk : chunks) {
    db.execute(R"(
      INSERT INTO chunk (id, tbl_id, number, kind, file, lower, upper, page_lower, page_upper,
             estimated_rows, estimated_bytes)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11))",
               id++, chunk.table_id, chunk.number, kind_name(chunk.kind), chunk.file,
               bound_text(chunk.lower), bound_text(chunk.upper), chunk.page_lower, chunk.page_upper,
               chunk.estimated_rows, chunk.estimated_bytes);
    Added& sums = added[chunk.table_id];
    sums.last_number = sums.chunks == 0 ? chunk.number : std::max(sums.last_number, chunk.number);
    ++sums.chunks;
    sums.estimated_rows += chunk.estimated_rows;
    sums.estimated_bytes += chunk.estimated_bytes;
  }
  db.execute(R"(
    INSERT INTO delivery (chunk_id, target_id, tbl_id, rank, number, state)
    SELECT c.id, t.id, c.tbl_id, ?1, c.number, 'planned'
      FROM chunk c
     CROSS JOIN target t
     WHERE c.id BETWEEN ?2 AND ?3)",
             rank, first_id, last_id);
  for (const auto& [table_id, sums] : added) {
    add_to_tally(db, table_id, sums);
  }
  step.commit();
}

void delete_chunks(Database& db, std::int64_t table_id) {
  // In slices: one DELETE keeps the ids of all its rows in memory.
  constexpr std::string_view k_of_deliveries = R"(
    DELETE FROM delivery
     WHERE chunk_id IN (SELECT id FROM chunk WHERE tbl_id = ?1 ORDER BY number LIMIT 10000))";
  constexpr std::string_view k_of_chunks = R"(
    DELETE FROM chunk
     WHERE id IN (SELECT id FROM chunk WHERE tbl_id = ?1 ORDER BY number LIMIT 10000))";
  Step step(db);
  std::int64_t deleted = 0;
  do {
    db.execute(k_of_deliveries, table_id);
    deleted = db.execute(k_of_chunks, table_id);
  } while (deleted > 0);
  db.execute("DELETE FROM tally WHERE tbl_id = ?1", table_id);
  db.execute("UPDATE tbl SET last_number = NULL WHERE id = ?1", table_id);
  raise_generation(db, table_id, 0);
  step.commit();
}

std::int64_t next_chunk_number(Database& db, const std::string& schema, const std::string& name) {
  std::optional<std::int64_t> highest;
  Query query =
      db.query("SELECT max(last_number) FROM tbl WHERE schema = ?1 AND name = ?2", schema, name);
  if (query.next()) {
    query.read(highest);
  }
  return highest ? *highest + 1 : 0;
}

std::vector<TableTotals> read_totals(Database& db) {
  std::vector<TableTotals> all;
  Query query = db.query(R"(
    SELECT t.id, ifnull(sum(s.chunks), 0), ifnull(sum(s.done), 0), ifnull(sum(s.running), 0),
           ifnull(sum(s.failed), 0), ifnull(sum(s.redo), 0), ifnull(sum(s.rows), 0),
           ifnull(sum(s.ignored), 0), ifnull(sum(s.superseded), 0), ifnull(sum(s.rejected), 0),
           ifnull(sum(s.bytes), 0), ifnull(sum(s.raw_bytes), 0), ifnull(sum(s.files), 0),
           ifnull(sum(s.done_estimated_bytes), 0), ifnull(sum(s.estimated_rows), 0),
           ifnull(sum(s.estimated_bytes), 0)
      FROM tbl t
      LEFT JOIN tally s ON s.tbl_id = t.id
     GROUP BY t.id
     ORDER BY t.id)");
  while (query.next()) {
    TableTotals& sums = all.emplace_back();
    query.read(sums.table_id, sums.chunks, sums.done, sums.running, sums.failed, sums.redo,
               sums.rows, sums.ignored, sums.superseded, sums.rejected, sums.bytes, sums.raw_bytes,
               sums.files, sums.done_estimated_bytes, sums.estimated_rows, sums.estimated_bytes);
  }
  return all;
}

std::vector<TableTotals> read_target_totals(Database& db) {
  std::vector<TableTotals> all;
  Query query = db.query(R"(
    SELECT tbl_id, target_id, chunks, done, running, failed, redo, rows, ignored, superseded,
           rejected, bytes, raw_bytes, files, done_estimated_bytes, estimated_rows, estimated_bytes
      FROM tally
     ORDER BY tbl_id, target_id)");
  while (query.next()) {
    TableTotals& sums = all.emplace_back();
    query.read(sums.table_id, sums.target_id, sums.chunks, sums.done, sums.running, sums.failed,
               sums.redo, sums.rows, sums.ignored, sums.superseded, sums.rejected, sums.bytes,
               sums.raw_bytes, sums.files, sums.done_estimated_bytes, sums.estimated_rows,
               sums.estimated_bytes);
  }
  return all;
}

void visit_deliveries(Database& db, std::int64_t table_id, const std::string& state,
                      const std::function<void(const Delivery&)>& visit) {
  const auto sql = as_it_is(db, table_id == 0 ? k_deliveries_of_all : k_deliveries_of_table);
  Query query = table_id == 0 ? db.query(sql, state) : db.query(sql, state, table_id);
  while (query.next()) {
    Delivery delivery;
    ChunkResult& result = delivery.result;
    read_chunk(db, query, delivery.chunk, delivery.state, delivery.redo_reason, result.attempts,
               result.rows, result.ignored, result.superseded, result.rejected, result.bytes,
               result.raw_bytes, result.file, result.xxh3, result.valid_lsn, result.snapshot,
               result.worker, result.started_us, result.finished_us, result.error, result.target_id,
               delivery.needed_lsn);
    result.chunk_id = delivery.chunk.id;
    result.table_id = delivery.chunk.table_id;
    result.outcome = outcome_of(delivery.state);
    visit(delivery);
  }
}

}  // namespace pgstride::checkpoint
