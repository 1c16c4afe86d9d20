// Feeds one producer's COPY messages to any number of receivers at the same time, so that no server
// waits for this client: the source is read while the targets are written. Belongs to one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "pgstride/fault.hpp"
#include "transfer/batch.hpp"
#include "transfer/copy_ends.hpp"

namespace pgstride::pg {
class CopyReader;
class CopyWriter;
}  // namespace pgstride::pg

namespace pgstride::transfer {

struct FanOutOptions {
  /// A batch, and a CopyData message, is about so large: 64 kB and more are all as fast (speed.md,
  /// Copy), and two of these fit into a core's cache.
  std::size_t batch_bytes = 128 << 10;
  /// While a receiver is so far behind, the source is not read: what is held at most is this and
  /// one batch (or one larger message) more, however many receivers there are.
  std::size_t backlog_bytes = 1 << 20;
  /// A receiver that took nothing for so long, although there was something, fails; 0: it is waited
  /// for.
  std::chrono::milliseconds stall_limit{0};
  bool keep_ends = false;  ///< for receivers that want messages one by one
  std::stop_token stop = {};
};

/// How far one receiver is.
struct Intake {
  std::int64_t messages = 0;  ///< handed to it: whole rows, in binary also the trailer
  std::int64_t bytes = 0;
  std::optional<Error> error;  ///< it failed and is left out
};

class FanOut {
 public:
  /// Refers to the ends; they must outlive it.
  FanOut(CopyProducer& producer, std::vector<CopyReceiver*> receivers, FanOutOptions options);

  enum class Step { moved, fault, none_left, over };
  /// Goes on until a batch was handed out, a receiver failed, none is left, or all is over: the
  /// producer at its end, and everything confirmed by each receiver that is left. Throws Error if
  /// the producer fails or a stop is asked for; the receivers should be abandoned then.
  Step step();

  /// What failed since the last call.
  std::vector<Fault> take_faults();
  /// Leaves a receiver out, for a reason that came from outside.
  void fail(std::size_t receiver, const Error& error);
  /// Lets a failed receiver go on that has missed nothing and is ready again; false if it has.
  bool revive(std::size_t receiver);
  /// Abandons all receivers that are left.
  void abandon() noexcept;

  /// Gives the batches' memory back; no step may follow.
  void release() noexcept;

  [[nodiscard]] const Intake& receiver(std::size_t number) const { return m_states[number]; }
  [[nodiscard]] std::int64_t messages() const { return m_messages; }  ///< handed out
  [[nodiscard]] std::int64_t bytes() const { return m_bytes; }
  /// The largest that any receiver's backlog was, in bytes.
  [[nodiscard]] std::size_t most_behind() const { return m_most_behind; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Progress {
    std::size_t backlog = 0;
    Clock::time_point since;
  };

  [[nodiscard]] bool live(std::size_t number) const { return !m_states[number].error; }
  [[nodiscard]] bool any_live() const;
  [[nodiscard]] bool all_ended() const;
  [[nodiscard]] bool has_room() const;
  void pump_all();
  void pump(std::size_t number);
  void look_for_stall(std::size_t number);
  bool read();
  void hand_out();
  void wait();

  CopyProducer& m_producer;
  std::vector<CopyReceiver*> m_receivers;
  FanOutOptions m_options;
  std::optional<BatchPool> m_pool;
  std::shared_ptr<Batch> m_open;  ///< being filled
  std::vector<Intake> m_states;
  std::vector<Progress> m_progress;
  std::vector<Fault> m_faults;
  bool m_source_waits = false;  ///< for its socket
  bool m_source_ended = false;
  std::int64_t m_messages = 0;
  std::int64_t m_bytes = 0;
  std::size_t m_most_behind = 0;
};

struct FanOutResult {
  bool complete = false;  ///< the producer came to its end; else no receiver was left
  std::int64_t rows = 0;  ///< that the source says it sent
  std::int64_t bytes = 0;
  std::vector<Intake> receivers;
};

/// Called after each batch with what was handed out so far. May wait (to limit a rate) and throw.
using FanOutProgress = std::function<void(std::int64_t messages, std::int64_t bytes)>;

/// One running COPY TO STDOUT into any number of running COPY FROM STDIN. Afterwards finish() of
/// each writer whose receiver has no error returns at once; the others are over, but for one that
/// stalled, which its destructor abandons. Throws Error if the source fails, a stop is asked for or
/// `progress` throws; all writers are abandoned then.
FanOutResult fan_out(pg::CopyReader& reader, const std::vector<pg::CopyWriter*>& writers,
                     const FanOutOptions& options, const FanOutProgress& progress = {});

}  // namespace pgstride::transfer
