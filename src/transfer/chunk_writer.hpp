// Takes a chunk's CopyData messages to its file, as they come or formatted here. The file is begun
// with the first row. Belongs to one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "archive/chunk_file.hpp"
#include "format/byte_buffer.hpp"
#include "format/row_encoder.hpp"
#include "transfer/task.hpp"
#include "transfer/worker_settings.hpp"

namespace pgstride::transfer {

class ChunkWriter {
 public:
  /// Both outlive the writer.
  ChunkWriter(const WorkerSettings& settings, const CopyTask& task);

  /// Throws Error: io, or server for a message that COPY's binary form does not have.
  void write(std::string_view message);

  /// Ends the file, enters it into the result, whose rows are what the server says it sent, and
  /// gives it to be committed; an empty chunk makes none. Throws Error: io; server if other rows
  /// than those have come.
  std::shared_ptr<archive::ChunkFile> finish(ChunkResult& result);

  /// Bytes of the file before compression, those that wait for it included.
  [[nodiscard]] std::int64_t raw_bytes() const;
  [[nodiscard]] std::int64_t bytes() const { return m_file ? m_file->bytes() : 0; }
  [[nodiscard]] std::int64_t rows() const { return m_encoder ? m_encoder->rows() : m_messages; }

 private:
  archive::ChunkFile& file();
  void flush();

  const WorkerSettings& m_settings;
  const CopyTask& m_task;
  std::shared_ptr<archive::ChunkFile> m_file;
  std::optional<format::RowEncoder> m_encoder;  ///< none: the messages are the file
  format::ByteBuffer m_formatted;
  std::int64_t m_messages = 0;
};

}  // namespace pgstride::transfer
