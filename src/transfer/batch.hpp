// Whole COPY messages (rows), joined, on their way to all receivers at once. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/shared_bytes.hpp"

namespace pgstride::transfer {

class Batch {
 public:
  /// `keep_ends`: where each message ends is kept, for receivers that want them one by one.
  explicit Batch(bool keep_ends) : m_keep_ends(keep_ends) {}

  void append(std::string_view message) {
    m_joined.append(message);
    end_message();
  }
  /// Part of a message, whose end end_message() marks.
  void append_part(std::string_view part) { m_joined.append(part); }
  void end_message();
  /// One large message in an empty batch, without copying it.
  void adopt(SharedBytes message);

  [[nodiscard]] std::string_view bytes() const {
    return m_adopted.data ? m_adopted.view() : std::string_view(m_joined);
  }
  [[nodiscard]] bool empty() const { return bytes().empty(); }
  [[nodiscard]] std::size_t size() const { return bytes().size(); }
  [[nodiscard]] std::int64_t messages() const { return m_messages; }
  /// The messages one by one; only with `keep_ends`.
  [[nodiscard]] std::vector<std::string_view> each() const;

  /// Empties it for other messages; memory for one large message is given back.
  void reuse(std::size_t keep_bytes);

 private:
  bool m_keep_ends;
  std::string m_joined;
  SharedBytes m_adopted;
  std::vector<std::size_t> m_ends;
  std::int64_t m_messages = 0;
};

using SharedBatch = std::shared_ptr<const Batch>;

/// The bytes, keeping the batch.
SharedBytes shared_bytes(const SharedBatch& batch);

/// Gives out batches whose memory is used again once nobody holds them.
class BatchPool {
 public:
  BatchPool(std::size_t batch_bytes, bool keep_ends)
      : m_batch_bytes(batch_bytes), m_keep_ends(keep_ends) {}
  std::shared_ptr<Batch> take();

 private:
  std::size_t m_batch_bytes;
  bool m_keep_ends;
  std::vector<std::shared_ptr<Batch>> m_batches;
};

}  // namespace pgstride::transfer
