// Files and functions as the producer of a fan-out: bytes in pieces that are cut anywhere, made
// into whole messages. Thread rule of copy_ends.hpp; waits where the file or function does.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "format/message_scan.hpp"
#include "transfer/copy_ends.hpp"

namespace pgstride::transfer {

class PieceProducer : public CopyProducer {
 public:
  /// Gives the next bytes, valid until it is called again; none at the end.
  using Next = std::function<std::optional<std::string_view>()>;

  PieceProducer(Next next, CopyBoundaries boundaries);
  Step fill(Batch& batch, std::size_t bytes) override;

 private:
  bool append(Batch& batch, std::string_view piece, std::size_t bytes);

  Next m_next;
  std::unique_ptr<format::MessageScan> m_scan;  ///< none: each piece is a message
  std::string m_rest;                           ///< of the last piece: the beginning of a message
  bool m_within = false;                        ///< the batch ends within a message
};

/// Reads a file so many bytes at a time. Throws Error (io), at once if it can't be opened.
PieceProducer::Next file_pieces(const FileProducer& file, std::size_t bytes);

}  // namespace pgstride::transfer
