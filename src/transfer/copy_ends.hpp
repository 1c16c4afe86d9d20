// The two ends of a fan-out: what gives COPY messages, and what takes them. Both are asked by one
// thread, that of the fan-out, and wait for nothing unless they say so.
#pragma once

#include <chrono>
#include <cstddef>

#include "transfer/batch.hpp"

namespace pgstride::transfer {

class CopyProducer {
 public:
  virtual ~CopyProducer() = default;

  enum class Step { full, nothing, end };
  /// Appends whole messages until the batch holds about so many bytes (`full`), none is there just
  /// now, or there will be no more. A large message may be `full` by itself. A producer without a
  /// socket waits here instead of giving `nothing`. Throws Error: it can't go on.
  virtual Step fill(Batch& batch, std::size_t bytes) = 0;

  /// After `nothing`: readable when there may be more; -1 for a producer without one.
  [[nodiscard]] virtual int socket() const { return -1; }
  /// Not worth a look before.
  [[nodiscard]] virtual std::chrono::steady_clock::time_point ready_at() const { return {}; }
  /// Reads from the socket without waiting. Throws Error.
  virtual void take_in() {}
};

class CopyReceiver {
 public:
  virtual ~CopyReceiver() = default;

  /// Queues a batch.
  virtual void take(const SharedBatch& batch) = 0;
  /// No more comes: what was taken becomes valid, or part of the open transaction.
  virtual void end() = 0;
  /// Does what is possible without waiting. Throws Error: it has failed.
  virtual void pump() = 0;
  /// All is taken and, after end(), confirmed.
  [[nodiscard]] virtual bool ended() const = 0;
  /// Bytes queued.
  [[nodiscard]] virtual std::size_t backlog() const = 0;
  /// To wait for; -1 for a receiver that does all its work in pump().
  [[nodiscard]] virtual int socket() const { return -1; }
  [[nodiscard]] virtual bool wants_write() const { return false; }
  /// Gives up what it took.
  virtual void abandon() noexcept = 0;
};

}  // namespace pgstride::transfer
