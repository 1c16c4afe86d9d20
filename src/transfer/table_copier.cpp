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

TableCopier::TableCopier(int number, const WorkerSettings& settings, SnapshotBoard& board,
                         RateLimiter& limiter, WorkerProgress& progress)
    : m_settings(settings), m_board(board), m_limiter(limiter), m_progress(progress),
      m_source(number, settings, board), m_loader(number, settings) {}

void TableCopier::copy(const CopyTask& task, const std::vector<TargetOutcome*>& open) {
  m_loader.begin(task, open, m_board.lsn(), m_board.text());
  const auto writers = m_loader.writers();
  if (writers.empty()) {
    return;
  }
  auto& source = m_source.ready(task.table);
  std::optional<pg::CopyReader> reader(
      std::in_place, source,
      fmt::format("/* pgstride {} {} */ COPY ({}) TO STDOUT WITH ({})",
                  pg::comment_safe(m_settings.job), pg::comment_safe(task.label), task.select,
                  task.copy_options));
  FanOutOptions options;
  options.stop = m_settings.stop.cancel;
  std::int64_t passed = 0;
  const auto read = fan_out(*reader, writers, options, [&](std::int64_t rows, std::int64_t bytes) {
    m_progress.show(rows, bytes, bytes);
    m_limiter.pass(bytes - std::exchange(passed, bytes), m_settings.stop.cancel);
  });
  crash_point("chunk_copied");
  for (std::size_t i = 0; i < writers.size(); ++i) {
    if (read.receivers[i].error) {
      m_loader.fail(i, *read.receivers[i].error);
    }
  }
  if (!read.complete) {
    // No target took it to its end: what is left is a failed transaction.
    reader.reset();
    m_source.reset(Error(ErrorKind::server, "given up half-way"));
  }
  m_loader.commit(task, read.rows, read.bytes);
}

void TableCopier::reset(const Error& error) noexcept {
  m_source.reset(error);
  m_loader.reset();
}

}  // namespace pgstride::transfer
