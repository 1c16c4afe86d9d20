#include "transfer/file_copier.hpp"

#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "archive/chunk_file.hpp"
#include "base/crash_point.hpp"
#include "pg/copy_reader.hpp"
#include "pg/quote.hpp"

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
  copy_to_file(task, target.result);
  target.result.outcome = Outcome::done;
}

void FileCopier::copy_to_file(const CopyTask& task, ChunkResult& result) {
  pg::CopyReader reader(m_source.ready(task.table),
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
      m_progress.show(rows, file->raw_bytes(), file->bytes());
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

}  // namespace pgstride::transfer
