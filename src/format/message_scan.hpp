// Finds where the messages of a COPY end in bytes that are cut anywhere, without holding any.
// Belongs to one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "pgstride/copy_manager.hpp"

namespace pgstride::format {

class MessageScan {
 public:
  /// Called with the offset behind a message's last byte in the bytes just given.
  using Found = std::function<void(std::size_t)>;

  virtual ~MessageScan() = default;
  /// Looks through the next bytes. Throws Error (io) for what can't be COPY's binary format.
  virtual void each(std::string_view bytes, const Found& found) = 0;
  /// The end of the data. Throws Error (io) if it is cut short in a way that shows; a last line
  /// without its end is none.
  virtual void finish() const = 0;
};

std::unique_ptr<MessageScan> make_message_scan(CopyBoundaries boundaries);

}  // namespace pgstride::format
