// Chunks with their deliveries, as rows: written by the plan, read by everybody. Belongs to the
// thread of the database.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "checkpoint/checkpoint_store.hpp"
#include "checkpoint/sqlite_db.hpp"

namespace pgstride::checkpoint {

void insert_chunks(Database& db, std::int64_t rank, std::span<const Chunk> chunks);
void delete_chunks(Database& db, std::int64_t table_id);
std::int64_t next_chunk_number(Database& db, const std::string& schema, const std::string& name);
std::vector<TableTotals> read_totals(Database& db);
std::vector<TableTotals> read_target_totals(Database& db);

void visit_deliveries(Database& db, std::int64_t table_id, const std::string& state,
                      const std::function<void(const Delivery&)>& visit);

/// What of a chunk is stored in another form.
struct ChunkTexts {
  std::string kind;
  std::optional<std::string> lower;
  std::optional<std::string> upper;
};

/// Puts kind and bounds from their texts into the chunk. Throws Error if they make no sense.
void take_texts(Database& db, Chunk& chunk, const ChunkTexts& texts);

/// Reads a row of the columns id, tbl_id, number, kind, file, lower, upper, page_lower, page_upper,
/// estimated_rows, estimated_bytes and, after them, `more`.
template <typename... T>
void read_chunk(Database& db, const Query& query, Chunk& chunk, T&... more) {
  ChunkTexts texts;
  query.read(chunk.id, chunk.table_id, chunk.number, texts.kind, chunk.file, texts.lower,
             texts.upper, chunk.page_lower, chunk.page_upper, chunk.estimated_rows,
             chunk.estimated_bytes, more...);
  take_texts(db, chunk, texts);
}

}  // namespace pgstride::checkpoint
