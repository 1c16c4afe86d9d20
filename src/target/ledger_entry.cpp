#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "pg/quote.hpp"
#include "target/ledger_parts.hpp"

namespace pgstride::target {

namespace {

constexpr const char* k_counts = "rows, ignored, superseded, rejected, updated";

// In the first five columns.
LoadCounts read_counts(const pg::Result& result, int row) {
  return {result.int64(row, 0), result.int64(row, 1), result.int64(row, 2), result.int64(row, 3),
          result.int64(row, 4)};
}

}  // namespace

std::vector<BookedChunk> ledger_chunks(pg::Connection& connection, const std::string& job) {
  const auto result = connection.query(
      fmt::format("SELECT {}, chunk, valid_lsn FROM pgstride.chunk WHERE job = $1 ORDER BY chunk",
                  k_counts),
      {job});
  std::vector<BookedChunk> chunks;
  chunks.reserve(static_cast<std::size_t>(result.rows()));
  for (int row = 0; row < result.rows(); ++row) {
    chunks.push_back(
        {result.int64(row, 5), read_counts(result, row), Lsn::parse(result.get(row, 6))});
  }
  return chunks;
}

bool begin_loading(pg::Connection& connection, const LedgerRun& run, const ChunkEntry& entry,
                   LoadCounts& counts) {
  // One round trip. The lock is taken before the entry is written, as the entry reads from it; an
  // entry of a transaction that is in doubt is waited for by the primary key.
  const auto job = pg::quote_literal(run.job);
  const auto result = connection.exec(fmt::format(
      R"sql({}; {};
    WITH job AS MATERIALIZED (SELECT epoch FROM pgstride.job WHERE id = {} FOR SHARE),
         entry AS (INSERT INTO pgstride.chunk (job, chunk, key, valid_lsn, rows)
                   SELECT {}, {}, {}, {}, 0 FROM job WHERE epoch = {}
                       ON CONFLICT DO NOTHING
                   RETURNING chunk)
    SELECT (SELECT epoch FROM job), (SELECT pg_catalog.count(*) FROM entry)
  )sql",
      k_begin_loading, lock_job(run.job, true), job, job, entry.chunk_id,
      pg::quote_literal(entry.table_key), pg::quote_literal(entry.valid_lsn.text()), run.epoch));
  check_epoch(result.optional(0, 0), run);
  if (result.int64(0, 1) == 1) {
    crash_point("ledger_written");
    return true;
  }
  const auto found = connection.query(
      fmt::format("SELECT {} FROM pgstride.chunk WHERE job = $1 AND chunk = $2", k_counts),
      {run.job, std::to_string(entry.chunk_id)});
  if (found.rows() != 1) {
    throw ledger_gone();
  }
  counts = read_counts(found, 0);
  connection.abandon_transaction();
  return false;
}

void commit_loading(pg::Connection& connection, const LedgerRun& run, const ChunkEntry& entry,
                    const LoadCounts& counts) {
  crash_point("chunk_before_commit");
  connection.exec(fmt::format("UPDATE pgstride.chunk SET rows = {}, ignored = {}, superseded = {}, "
                              "rejected = {}, updated = {} WHERE job = {} AND chunk = {}; COMMIT",
                              counts.rows, counts.ignored, counts.superseded, counts.rejected,
                              counts.updated, pg::quote_literal(run.job), entry.chunk_id));
  crash_point("chunk_after_commit");
}

}  // namespace pgstride::target
