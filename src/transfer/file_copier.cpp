#include "transfer/file_copier.hpp"

#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "pg/copy_reader.hpp"
#include "pg/quote.hpp"
#include "transfer/chunk_writer.hpp"

namespace pgstride::transfer {

namespace {

// How often progress is published and the rate looked at: as the file's buffer (speed.md, Reading).
constexpr std::int64_t k_publish_bytes = 256 << 10;

}  // namespace

FileCopier::FileCopier(int number, const WorkerSettings& settings, SnapshotBoard& board,
                       RateLimiter& limiter, WorkerProgress& progress)
    : m_settings(settings), m_board(board), m_limiter(limiter), m_progress(progress),
      m_source(number, settings, board) {}

void FileCopier::copy(const CopyTask& task, const std::vector<TargetOutcome*>& open) {
  auto& target = *open.front();  // the job's directory is the only one
  copy_to_file(task, target);
  target.result.outcome = Outcome::done;
}

void FileCopier::copy_to_file(const CopyTask& task, TargetOutcome& target) {
  pg::CopyReader reader(m_source.ready(task.table),
                        fmt::format("/* pgstride {} {} */ COPY ({}) TO STDOUT WITH ({})",
                                    pg::comment_safe(m_settings.job), pg::comment_safe(task.label),
                                    task.select, task.copy_options));
  ChunkWriter writer(m_settings, task);
  std::int64_t published = 0;
  while (const auto message = reader.next()) {
    writer.write(*message);
    if (const auto raw = writer.raw_bytes(); raw - published >= k_publish_bytes) {
      m_progress.show(writer.rows(), raw, writer.bytes());
      m_limiter.pass(raw - std::exchange(published, raw), m_settings.stop.cancel);
      if (m_settings.stop.cancel.stop_requested()) {
        throw Error(ErrorKind::stopped, "stopped while COPY ran");
      }
    }
  }
  crash_point("chunk_copied");
  auto& result = target.result;
  result.rows = reader.rows();
  result.valid_lsn = m_board.lsn();
  result.snapshot = m_board.text();
  target.file = writer.finish(result);
}

}  // namespace pgstride::transfer
