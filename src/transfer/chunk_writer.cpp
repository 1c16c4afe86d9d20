#include "transfer/chunk_writer.hpp"

#include <fmt/core.h>

namespace pgstride::transfer {

namespace {

// Rows are handed on in pieces of the size that the file itself gathers (speed.md, Reading).
constexpr std::size_t k_flush_bytes = 256 << 10;

}  // namespace

ChunkWriter::ChunkWriter(const WorkerSettings& settings, const CopyTask& task)
    : m_settings(settings), m_task(task) {
  if (task.encoding) {
    m_encoder.emplace(*task.encoding);
  }
}

archive::ChunkFile& ChunkWriter::file() {
  if (!m_file) {
    m_file = std::make_shared<archive::ChunkFile>(m_settings.directory / m_task.path,
                                                  m_settings.compression);
    m_file->write(m_task.header);
  }
  return *m_file;
}

void ChunkWriter::write(std::string_view message) {
  ++m_messages;
  if (!m_encoder) {
    file().write(message);
    return;
  }
  m_encoder->append(message, m_formatted);
  if (m_formatted.size() >= k_flush_bytes) {
    flush();
  }
}

void ChunkWriter::flush() {
  file().write(m_formatted.view());
  m_formatted.clear();
}

std::int64_t ChunkWriter::raw_bytes() const {
  return (m_file ? m_file->raw_bytes() : 0) + static_cast<std::int64_t>(m_formatted.size());
}

std::shared_ptr<archive::ChunkFile> ChunkWriter::finish(ChunkResult& result) {
  if (m_encoder) {
    m_encoder->finish();
    if (m_encoder->rows() != result.rows) {
      throw Error(ErrorKind::server, fmt::format("the server says it sent {} rows, but {} came",
                                                 result.rows, m_encoder->rows()));
    }
  }
  if (result.rows == 0) {
    return nullptr;  // an empty table's file is made at the end
  }
  flush();
  m_file->finish();
  result.file = m_task.path;
  result.raw_bytes = m_file->raw_bytes();
  result.bytes = m_file->bytes();
  result.xxh3 = m_file->xxh3();
  return std::move(m_file);
}

}  // namespace pgstride::transfer
