#include "transfer/piece_producer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/durable_file.hpp"
#include "base/unique_fd.hpp"

namespace pgstride::transfer {

PieceProducer::PieceProducer(Next next, CopyBoundaries boundaries)
    : m_next(std::move(next)), m_scan(format::make_message_scan(boundaries)) {}

CopyProducer::Step PieceProducer::fill(Batch& batch, std::size_t bytes) {
  batch.append_part(m_rest);
  m_within = !m_rest.empty();
  m_rest.clear();
  for (;;) {
    const auto piece = m_next();
    if (!piece) {
      if (m_scan) {
        m_scan->finish();
      }
      if (std::exchange(m_within, false)) {
        batch.end_message();
      }
      return Step::end;
    }
    if (append(batch, *piece, bytes)) {
      return Step::full;
    }
  }
}

// True once the batch is full; what comes behind its last message is kept for the next.
bool PieceProducer::append(Batch& batch, std::string_view piece, std::size_t bytes) {
  if (piece.empty()) {
    return false;
  }
  if (!m_scan) {
    batch.append(piece);
    return batch.size() >= bytes;
  }
  std::size_t begin = 0;
  m_scan->each(piece, [&](std::size_t end) {
    batch.append(piece.substr(begin, end - begin));
    begin = end;
  });
  const auto rest = piece.substr(begin);
  if (begin > 0 && batch.size() >= bytes) {
    m_rest = rest;
    return true;
  }
  batch.append_part(rest);
  m_within = !rest.empty();
  return false;
}

PieceProducer::Next file_pieces(const FileProducer& file, std::size_t bytes) {
  struct Reading {
    UniqueFd fd;
    std::vector<char> buffer;
  };
  auto reading = std::make_shared<Reading>();
  reading->fd.reset(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!reading->fd.valid()) {
    throw io_error("open", file.path, errno);
  }
  reading->buffer.resize(bytes);
  return [reading, path = file.path]() -> std::optional<std::string_view> {
    for (;;) {
      const auto count = ::read(reading->fd.get(), reading->buffer.data(), reading->buffer.size());
      if (count > 0) {
        return std::string_view(reading->buffer.data(), static_cast<std::size_t>(count));
      }
      if (count == 0) {
        return std::nullopt;
      }
      if (errno != EINTR) {
        throw io_error("read", path, errno);
      }
    }
  };
}

}  // namespace pgstride::transfer
