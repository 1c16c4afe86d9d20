// Runs long statements on several sessions at once. Called from one thread; the sessions' threads
// are its own and gone when it returns.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"

namespace pgstride::target {

/// What one thread does on one session, start to end; throws Error.
using DdlWork = std::function<void(pg::Connection& connection)>;

struct DdlDone {
  std::size_t index = 0;  ///< of the work
  double seconds = 0;
  std::optional<Error> error;
};

/// Runs all works, in their order as sessions get free, on at most `sessions` sessions. `done` is
/// called for each on the calling thread. Work that fails does not keep the others from running;
/// after a broken connection its thread makes another. Throws Error where no connection can be made
/// any more or a stop was asked for (`options.cancel`); what runs by then is waited for.
void run_parallel(const pg::ConnectOptions& options, int sessions,
                  const std::vector<DdlWork>& works,
                  const std::function<void(const DdlDone&)>& done);

}  // namespace pgstride::target
