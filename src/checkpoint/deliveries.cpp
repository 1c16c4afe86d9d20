#include "checkpoint/deliveries.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "checkpoint/chunk_rows.hpp"

namespace pgstride::checkpoint {

namespace {

const char* state_after(Outcome outcome) {
  switch (outcome) {
  case Outcome::done:
    return "done";
  case Outcome::failed:
    return "failed";
  case Outcome::cancelled:
  case Outcome::snapshot_lost:
    return "planned";
  }
  return "";
}

std::string state_of(Database& db, const ChunkResult& result) {
  std::string state = "not in the checkpoint";
  Query query = db.query("SELECT state FROM delivery WHERE chunk_id = ?1 AND target_id = ?2",
                         result.chunk_id, result.target_id);
  if (query.next()) {
    query.read(state);
  }
  return state;
}

/// What is kept of a result: files and counts of a done chunk only, nothing but the attempts of one
/// that is planned again. The sums of the tally rest on that.
ChunkResult kept_part(const ChunkResult& result) {
  if (result.outcome == Outcome::done) {
    ChunkResult kept = result;
    kept.error.clear();
    return kept;
  }
  ChunkResult kept;
  kept.attempts = result.attempts;
  if (result.outcome == Outcome::failed) {
    kept.valid_lsn = result.valid_lsn;
    kept.snapshot = result.snapshot;
    kept.worker = result.worker;
    kept.started_us = result.started_us;
    kept.finished_us = result.finished_us;
    kept.error = result.error;
  }
  return kept;
}

}  // namespace

std::optional<Claim> claim_next(Database& db, int worker, std::int64_t now_us) {
  Step step(db);
  Claim claim;
  {
    // One look into the index for each target, of which there are few: the first in order of all.
    // `state <> 'done'` looks needless, but it is what lets SQLite use the partial index.
    Query query = db.query(R"(
      SELECT c.id, c.tbl_id, c.number, c.kind, c.file, c.lower, c.upper, c.page_lower,
             c.page_upper, c.estimated_rows, c.estimated_bytes
        FROM target t
       CROSS JOIN delivery d
       CROSS JOIN chunk c ON c.id = d.chunk_id
       WHERE d.chunk_id = (SELECT n.chunk_id
                             FROM delivery n INDEXED BY delivery_open
                            WHERE n.state <> 'done' AND n.state = 'planned' AND n.target_id = t.id
                            ORDER BY n.rank, n.number, n.chunk_id
                            LIMIT 1)
         AND d.target_id = t.id
       ORDER BY d.rank, d.number, d.chunk_id
       LIMIT 1)");
    if (!query.next()) {
      return std::nullopt;
    }
    read_chunk(db, query, claim.chunk);
  }
  {
    Query query = db.query(R"(
      UPDATE delivery SET state = 'running', worker = ?2, started_us = ?3
       WHERE chunk_id = ?1 AND state = 'planned'
      RETURNING target_id)",
                           claim.chunk.id, worker, now_us);
    while (query.next()) {
      query.read(claim.targets.emplace_back());
    }
  }
  std::sort(claim.targets.begin(), claim.targets.end());
  step.commit();
  return claim;
}

void finish_delivery(Database& db, const ChunkResult& result) {
  const ChunkResult kept = kept_part(result);
  const std::int64_t changed = db.execute(
      R"(
    UPDATE delivery SET state = ?3, attempts = attempts + ?4, rows = ?5, bytes = ?6,
           raw_bytes = ?7, file = ?8, xxh3 = ?9, valid_lsn = ?10, snapshot = ?11, worker = ?12,
           started_us = ?13, finished_us = ?14, error = ?15, ignored = ?16, superseded = ?17,
           rejected = ?18
     WHERE chunk_id = ?1 AND target_id = ?2 AND state = 'running')",
      result.chunk_id, result.target_id, state_after(result.outcome), kept.attempts, kept.rows,
      kept.bytes, kept.raw_bytes, kept.file, kept.xxh3, kept.valid_lsn, kept.snapshot, kept.worker,
      kept.started_us, kept.finished_us, kept.error, kept.ignored, kept.superseded, kept.rejected);
  if (changed != 1) {
    throw Error(ErrorKind::internal,
                fmt::format("chunk {} of table {} has a result, but is {} instead of running",
                            result.chunk_id, result.table_id, state_of(db, result)));
  }
}

std::int64_t release_running_deliveries(Database& db, const std::string& redo_reason) {
  // A run begins: chunks that it adds get ids that no run of a copy of this checkpoint gives, as
  // ledgers know chunks by their id.
  constexpr std::int64_t k_ids_a_microsecond = 1024;
  db.execute("UPDATE chunk_id SET last = max(last, ?1) WHERE EXISTS (SELECT 1 FROM chunk)",
             now_us() * k_ids_a_microsecond);
  return db.execute(R"(
    UPDATE delivery SET state = 'planned', redo_reason = ?1, worker = 0, started_us = 0
     WHERE state <> 'done' AND state = 'running')",
                    redo_reason);
}

std::int64_t release_failed_deliveries(Database& db) {
  Step step(db);
  const std::int64_t released = db.execute(R"(
    UPDATE delivery SET state = 'planned', valid_lsn = '0/0', snapshot = '', worker = 0,
           started_us = 0, finished_us = 0, error = ''
     WHERE state <> 'done' AND state = 'failed')");
  db.execute("UPDATE tbl SET state = 'planned', error = '' WHERE state = 'failed'");
  step.commit();
  return released;
}

std::int64_t set_aside_deliveries(Database& db, std::int64_t table_id, std::int64_t target_id,
                                  const std::string& error) {
  return db.execute(R"(
    UPDATE delivery SET state = 'failed', error = ?3
     WHERE state <> 'done' AND state = 'planned'
       AND (?1 = 0 OR tbl_id = ?1)
       AND (?2 = 0 OR target_id = ?2))",
                    table_id, target_id, error);
}

void settle_delivery(Database& db, const ChunkResult& result, const std::string& redo_reason) {
  const ChunkResult kept = kept_part(result);
  db.execute(R"(
    UPDATE delivery SET state = ?3, redo_reason = ?4, rows = ?5, bytes = 0, raw_bytes = 0,
           file = '', xxh3 = '', valid_lsn = ?6, snapshot = ?7, error = '', ignored = ?8,
           superseded = ?9, rejected = ?10
     WHERE chunk_id = ?1 AND target_id = ?2)",
             result.chunk_id, result.target_id, state_after(result.outcome), redo_reason, kept.rows,
             kept.valid_lsn, kept.snapshot, kept.ignored, kept.superseded, kept.rejected);
}

std::int64_t redo_deliveries(Database& db, std::int64_t table_id, std::int64_t target_id,
                             const std::string& reason) {
  Step step(db);
  std::int64_t done = 0;
  {
    Query query = db.query(R"(
      SELECT ifnull(sum(done), 0) FROM tally
       WHERE tbl_id = ?1 AND (?2 = 0 OR target_id = ?2))",
                           table_id, target_id);
    if (query.next()) {
      query.read(done);
    }
  }
  db.execute(R"(
    UPDATE delivery SET
           redo_reason = CASE state WHEN 'done' THEN ?2 ELSE redo_reason END,
           state = 'planned', attempts = 0, rows = 0, ignored = 0, superseded = 0,
           rejected = 0, bytes = 0, raw_bytes = 0, file = '',
           xxh3 = '', valid_lsn = '0/0', snapshot = '', worker = 0, started_us = 0,
           finished_us = 0, error = '',
           needed_lsn = '0/0'
     WHERE chunk_id IN (SELECT id FROM chunk WHERE tbl_id = ?1) AND (?3 = 0 OR target_id = ?3))",
             table_id, reason, target_id);
  raise_generation(db, table_id, target_id);
  step.commit();
  return done;
}

// The clock is in it: of two copies of a job's directory each gives numbers of its own.
void raise_generation(Database& db, std::int64_t table_id, std::int64_t target_id) {
  db.execute(R"(
    INSERT INTO generation (tbl_id, target_id, number)
    SELECT ?1, id, max(?3, (SELECT ifnull(max(number), 0) + 1 FROM generation))
      FROM target WHERE ?2 = 0 OR id = ?2
        ON CONFLICT DO UPDATE SET number = excluded.number)",
             table_id, target_id, now_us());
}

std::map<std::int64_t, std::int64_t> read_generations(Database& db, std::int64_t target_id) {
  std::map<std::int64_t, std::int64_t> numbers;
  Query query = db.query(R"(
    SELECT t.id, ifnull(g.number, 0)
      FROM tbl t
      LEFT JOIN generation g ON g.tbl_id = t.id AND g.target_id = ?1)",
                         target_id);
  while (query.next()) {
    std::int64_t table_id = 0;
    std::int64_t number = 0;
    query.read(table_id, number);
    numbers[table_id] = number;
  }
  return numbers;
}

void redo_delivery(Database& db, std::int64_t chunk_id, const std::string& reason) {
  const std::int64_t changed = db.execute(
      R"(
    UPDATE delivery SET
           redo_reason = ?3, state = 'planned', attempts = 0, rows = 0, ignored = 0, superseded = 0,
           rejected = 0, bytes = 0, raw_bytes = 0,
           file = '', xxh3 = '', valid_lsn = '0/0', snapshot = '', worker = 0, started_us = 0,
           finished_us = 0, error = ''
     WHERE chunk_id = ?1 AND target_id = ?2 AND state = 'done')",
      chunk_id, k_directory_target, reason);
  if (changed != 1) {
    throw Error(ErrorKind::internal,
                fmt::format("chunk {} is to be redone, but is not done", chunk_id));
  }
}

void visit_files(Database& db, const std::function<void(const RecordedFile&)>& visit) {
  Query query = db.query(R"(
    SELECT chunk_id, tbl_id, file, bytes
      FROM delivery
     WHERE target_id = ?1 AND state = 'done' AND file <> '')",
                         k_directory_target);
  while (query.next()) {
    RecordedFile file;
    query.read(file.chunk_id, file.table_id, file.file, file.bytes);
    visit(file);
  }
}

}  // namespace pgstride::checkpoint
