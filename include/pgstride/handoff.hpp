// Handing a finished job over to change data capture. As job.hpp: one call per job directory at a
// time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgstride/events.hpp"
#include "pgstride/stop.hpp"

namespace pgstride {

enum class Consumer { json, debezium, subscription, starrocks };

struct HandoffOptions {
  std::filesystem::path directory;
  Consumer consumer = Consumer::json;
  bool create = false;                ///< of a subscription: also makes it on each target
  std::optional<std::string> source;  ///< none: the stored one (without secrets)
  /// Of a copy: matched to the job's by identity; none: the stored ones. Of an export: where its
  /// files were loaded.
  std::vector<std::string> targets;
};

/// A target that follows the source now.
struct Subscribed {
  std::int64_t target = 0;
  std::string database;
  std::string subscription;
  std::string slot;
  Lsn caught_up_to;            ///< the source's position when it was enabled, or later
  std::int64_t lag_bytes = 0;  ///< of WAL that it had still to read at the end
};

/// Gives `print` what the consumer needs, piece by piece; with `create`, makes a subscription on
/// each target instead, and waits until it has caught up with the source. May be done again.
/// Throws Error: usage where the job can't be handed over (not done, no slot, lost, fuzzy);
/// connection, server, stopped.
std::vector<Subscribed> hand_off(const HandoffOptions& options,
                                 const std::function<void(std::string_view)>& print, Events& events,
                                 const StopTokens& stop);

}  // namespace pgstride
