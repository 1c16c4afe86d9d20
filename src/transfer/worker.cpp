#include "transfer/worker.hpp"

#include <utility>

#include <fmt/format.h>

#include "archive/chunk_file.hpp"
#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "base/crash_point.hpp"
#include "pg/copy_reader.hpp"
#include "pg/quote.hpp"

namespace pgstride::transfer {

namespace {

// How often progress is published and the rate looked at: as the file's buffer (speed.md, Reading).
constexpr std::int64_t k_publish_bytes = 256 << 10;

constexpr int k_looks_for_snapshot = 10;
constexpr std::chrono::milliseconds k_between_looks{200};

// Worth another try: what passes by itself, and a statement somebody cancelled or that timed out.
bool worth_retrying(const Error& error) {
  return error.is_transient() || error.sqlstate() == "57014";
}

Outcome outcome_of(const Error& error) {
  switch (error.kind()) {
  case ErrorKind::stopped:
    return Outcome::cancelled;
  case ErrorKind::snapshot:
    return Outcome::snapshot_lost;
  default:
    return Outcome::failed;
  }
}

}  // namespace

Worker::Worker(int number, const WorkerSettings& settings, SnapshotBoard& board,
               RateLimiter& limiter, WorkerProgress& progress,
               std::function<void(TaskRetried)> retried)
    : m_number(number), m_settings(settings), m_board(board), m_limiter(limiter),
      m_progress(progress), m_retried(std::move(retried)) {}

TaskDone Worker::run(const CopyTask& task) {
  m_progress.rows = 0;
  m_progress.raw_bytes = 0;
  m_progress.bytes = 0;
  m_progress.chunk_id = task.chunk_id;
  auto done = attempt_all(task);
  m_progress.chunk_id = 0;
  if (done.result.outcome == Outcome::done && m_settings.chunk_pause.count() > 0) {
    sleep_for(m_settings.chunk_pause, m_settings.stop.drain);
  }
  return done;
}

TaskDone Worker::attempt_all(const CopyTask& task) {
  Backoff backoff(m_settings.retry_wait);
  TaskDone done;
  auto& result = done.result;
  result.chunk_id = task.chunk_id;
  result.table_id = task.table_id;
  result.worker = m_number;
  result.started_us = now_us();
  for (;;) {
    ++result.attempts;
    try {
      copy(task, result);
      result.outcome = Outcome::done;
      break;
    } catch (const Error& error) {
      reset_session(error);
      done.error = error;
    } catch (const std::exception& error) {
      m_connection.reset();
      m_in_snapshot = false;
      m_locked.clear();
      done.error = Error(ErrorKind::internal, fmt::format("{}: {}", task.label, error.what()));
    }
    result.outcome = outcome_of(*done.error);
    if (result.outcome == Outcome::failed && m_board.lost()) {
      result.outcome = Outcome::snapshot_lost;
    }
    if (result.outcome != Outcome::failed || !worth_retrying(*done.error) ||
        result.attempts > m_settings.retries) {
      break;
    }
    if (m_settings.stop.drain.stop_requested()) {
      result.outcome = Outcome::cancelled;
      break;
    }
    m_retried({task.chunk_id, task.table_id, result.attempts, *done.error});
    sleep_for(backoff.next(), m_settings.stop.drain);
  }
  if (result.outcome == Outcome::done) {
    done.error.reset();
  } else {
    result.error = done.error->full_text();
    result.rows = result.bytes = result.raw_bytes = 0;
    result.file.clear();
    result.xxh3.clear();
  }
  result.finished_us = now_us();
  return done;
}

void Worker::copy(const CopyTask& task, ChunkResult& result) {
  ensure_session();
  ensure_locked(task);
  pg::CopyReader reader(*m_connection,
                        fmt::format("/* pgstride {} {} */ COPY ({}) TO STDOUT WITH ({})",
                                    pg::comment_safe(m_settings.job), pg::comment_safe(task.label),
                                    task.select, m_settings.copy_options));
  std::optional<archive::ChunkFile> file;
  std::int64_t rows = 0;
  std::int64_t unpublished = 0;
  while (const auto message = reader.next()) {
    if (!file) {
      file.emplace(m_settings.directory / task.path, m_settings.compression);
      file->write(task.header);
    }
    file->write(*message);
    ++rows;
    unpublished += static_cast<std::int64_t>(message->size());
    if (unpublished >= k_publish_bytes) {
      m_progress.rows.store(rows, std::memory_order_relaxed);
      m_progress.raw_bytes.store(file->raw_bytes(), std::memory_order_relaxed);
      m_progress.bytes.store(file->bytes(), std::memory_order_relaxed);
      m_limiter.pass(std::exchange(unpublished, 0), m_settings.stop.cancel);
      if (m_settings.stop.cancel.stop_requested()) {
        throw Error(ErrorKind::stopped, "stopped while COPY ran");
      }
    }
  }
  crash_point("chunk_copied");
  result.rows = reader.rows();
  result.valid_lsn = m_board.lsn();
  result.snapshot = m_board.text();
  if (result.rows == 0) {
    return;  // an empty chunk makes no file; an empty table's is made at the end
  }
  file->commit();
  result.file = task.path;
  result.raw_bytes = file->raw_bytes();
  result.bytes = file->bytes();
  result.xxh3 = file->xxh3();
}

void Worker::ensure_session() {
  if (m_connection && m_connection->still_connected() && m_in_snapshot) {
    return;
  }
  m_in_snapshot = false;
  m_locked.clear();
  if (!m_connection || !m_connection->usable()) {
    m_connection.reset();
    m_connection.emplace(pg::ConnectOptions{
        m_settings.conninfo, fmt::format("pgstride/{}/w{}", m_settings.job, m_number),
        m_settings.stop.cancel, m_settings.statement_timeout});
    pg::enlarge_input_buffer(*m_connection);
  }
  m_connection->abandon_transaction();
  // A holder that just died is replaced by the job's thread within a tick or two: look again.
  for (int look = 0; look < k_looks_for_snapshot && !m_board.lost(); ++look) {
    for (const auto& id : m_board.ids()) {
      if (import_snapshot(id)) {
        m_in_snapshot = true;
        lock_ahead();
        return;
      }
    }
    sleep_for(k_between_looks, m_settings.stop.cancel);
  }
  throw Error(ErrorKind::snapshot, "the job's snapshot can't be imported any more");
}

bool Worker::import_snapshot(const std::string& exported_id) {
  try {
    m_connection->exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                       "SET TRANSACTION SNAPSHOT " +
                       pg::quote_literal(exported_id));
    // An id can come again after a crash of the server: the snapshot itself must be the job's.
    if (m_connection->exec("SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text").get(0, 0) ==
        m_board.text()) {
      return true;
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::server || error.poisons_connection()) {
      throw;
    }
  }
  m_connection->abandon_transaction();
  return false;
}

void Worker::lock_ahead() {
  if (m_settings.tables.empty()) {
    return;
  }
  std::string sql = "SAVEPOINT ahead;";
  for (const auto& table : m_settings.tables) {
    sql += table.lock_sql + ";";
  }
  try {
    m_connection->exec(sql + "RELEASE SAVEPOINT ahead");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::server || error.poisons_connection()) {
      throw;
    }
    // Somebody is in the way of one: each is locked when its first chunk comes.
    m_connection->exec("ROLLBACK TO SAVEPOINT ahead; RELEASE SAVEPOINT ahead");
    return;
  }
  for (const auto& table : m_settings.tables) {
    if (is_untouched(table)) {
      m_locked.insert(table.oid);
    }
  }
}

void Worker::ensure_locked(const CopyTask& task) {
  if (m_locked.contains(task.table.oid)) {
    return;
  }
  m_connection->exec(task.table.lock_sql);
  if (!is_untouched(task.table)) {
    throw Error(ErrorKind::snapshot,
                fmt::format("{}: the table was rewritten, truncated or renamed after the snapshot",
                            task.label));
  }
  m_locked.insert(task.table.oid);
}

// The holders' locks keep the table as it was at the snapshot; where they don't (both have died
// just now, or the table could not be locked then), only this look tells whether somebody rewrote
// or emptied it, or gave its name to another, in between (correctness.md, 6).
bool Worker::is_untouched(const LockedTable& table) {
  const auto now = m_connection->query(
      R"sql(
    SELECT pg_catalog.pg_relation_filenode(c.oid)::pg_catalog.text
      FROM pg_catalog.pg_class c
     WHERE c.oid = pg_catalog.to_regclass($1)::pg_catalog.oid AND c.oid = $2::pg_catalog.oid
  )sql",
      {table.name, std::to_string(table.oid)});
  return now.rows() == 1 &&
         (table.relfilenode == 0 || now.optional(0, 0) == std::to_string(table.relfilenode));
}

void Worker::reset_session(const Error& error) noexcept {
  m_in_snapshot = false;
  m_locked.clear();
  if (!m_connection) {
    return;
  }
  if (error.poisons_connection() || !m_connection->usable()) {
    m_connection.reset();
    return;
  }
  m_connection->abandon_transaction();
}

}  // namespace pgstride::transfer
