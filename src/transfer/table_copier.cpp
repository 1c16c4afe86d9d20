#include "transfer/table_copier.hpp"

#include <cstddef>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "pg/copy_reader.hpp"
#include "pg/quote.hpp"
#include "transfer/fan_out.hpp"

namespace pgstride::transfer {

namespace {

// Of a COPY TO that is given up: its transaction is over.
Error given_up() {
  return {ErrorKind::server, "no target is left to read for"};
}

}  // namespace

TableCopier::TableCopier(int number, const WorkerSettings& settings, SnapshotBoard& board,
                         RateLimiter& limiter, WorkerProgress& progress,
                         const target::OnJobThread& on_job_thread)
    : m_settings(settings), m_board(board), m_limiter(limiter), m_progress(progress),
      m_source(number, settings, board), m_loader(number, settings, on_job_thread) {}

void TableCopier::copy(const CopyTask& task, const std::vector<TargetOutcome*>& open) {
  std::vector<TargetOutcome*> streamed;
  std::vector<TargetOutcome*> batched;
  for (auto* outcome : open) {
    const bool in_batches = comes_in_batches(task, *outcome) && !m_loader.is_vacant(task, *outcome);
    (in_batches ? batched : streamed).push_back(outcome);
  }
  const auto drop_settled = [this](std::vector<TargetOutcome*>& outcomes) {
    std::erase_if(outcomes,
                  [this](const auto* outcome) { return !is_isolatable(m_settings, *outcome); });
  };
  if (!streamed.empty()) {
    stream(task, streamed);
    std::erase_if(streamed, [&](const auto* outcome) {
      return !is_isolatable(m_settings, *outcome) && !is_in_conflict(task, *outcome);
    });
    batched.insert(batched.end(), streamed.begin(), streamed.end());
  }
  for (const auto by : {LoadBy::batches, LoadBy::batches_immediate}) {
    if (!batched.empty()) {
      load_batches(task, batched, by);
      drop_settled(batched);  // the others fail at COMMIT
    }
  }
}

std::string TableCopier::read_statement(const CopyTask& task, const std::string& options) const {
  return fmt::format("/* pgstride {} {} */ COPY ({}) TO STDOUT WITH ({})",
                     pg::comment_safe(m_settings.job), pg::comment_safe(task.label), task.select,
                     options);
}

void TableCopier::stream(const CopyTask& task, const std::vector<TargetOutcome*>& open) {
  m_loader.begin(task, open, m_board.lsn(), m_board.text());
  const auto writers = m_loader.writers();
  if (writers.empty()) {
    return;
  }
  FanOutOptions options;
  options.stop = m_settings.stop.cancel;
  std::int64_t passed = 0;
  FanOutResult read;
  {
    pg::CopyReader reader(m_source.ready(task.table), read_statement(task, task.copy_options));
    read = fan_out(reader, writers, options, [&](std::int64_t rows, std::int64_t bytes) {
      m_progress.show(rows, bytes, bytes);
      m_limiter.pass(bytes - std::exchange(passed, bytes), m_settings.stop.cancel);
    });
  }
  if (!read.complete) {
    m_source.reset(given_up());
  }
  crash_point("chunk_copied");
  for (std::size_t i = 0; i < writers.size(); ++i) {
    if (read.receivers[i].error) {
      m_loader.fail(i, *read.receivers[i].error);
    }
  }
  m_loader.commit(task, read.rows, read.bytes);
}

void TableCopier::load_batches(const CopyTask& task, const std::vector<TargetOutcome*>& open,
                               LoadBy by) {
  for (auto* outcome : open) {
    outcome->error.reset();
  }
  m_loader.begin(task, open, m_board.lsn(), m_board.text(), by);
  if (m_loader.live() == 0) {
    return;
  }
  auto& source = m_source.ready(task.table);
  // The statement lasts as long as the loading of all its rows: the time-out is the batches'.
  const auto set_timeout = [&](std::chrono::milliseconds limit) {
    if (m_settings.statement_timeout.count() > 0) {
      source.exec(fmt::format("SET statement_timeout = {}", limit.count()));
    }
  };
  set_timeout(std::chrono::milliseconds(0));
  std::int64_t bytes = 0;
  std::optional<std::int64_t> rows;
  {
    pg::CopyReader reader(source, read_statement(task, "FORMAT text"));
    bytes = read_batches(reader);
    if (m_loader.live() > 0) {
      rows = reader.rows();
    }
  }
  if (!rows) {
    m_source.reset(given_up());
    return;
  }
  set_timeout(m_settings.statement_timeout);
  crash_point("chunk_copied");
  m_loader.commit(task, *rows, bytes);
}

// Returns the bytes that were read; all, unless no target is left.
std::int64_t TableCopier::read_batches(pg::CopyReader& reader) {
  std::int64_t bytes = 0;
  std::int64_t rows = 0;
  m_batch.clear();
  const auto load = [&] {
    m_progress.show(rows, bytes, bytes);
    m_limiter.pass(static_cast<std::int64_t>(m_batch.bytes()), m_settings.stop.cancel);
    m_loader.load(m_batch);
    m_batch.clear();
    return m_loader.live() > 0;
  };
  while (const auto row = reader.next()) {
    m_batch.add(*row, ++rows);
    bytes += static_cast<std::int64_t>(row->size());
    if ((m_batch.rows() == m_settings.batch_rows || m_batch.full()) && !load()) {
      return bytes;
    }
  }
  if (m_batch.rows() > 0) {
    load();
  }
  return bytes;
}

void TableCopier::reset(const Error& error) noexcept {
  m_source.reset(error);
  m_loader.reset();
}

}  // namespace pgstride::transfer
