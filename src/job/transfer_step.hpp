// Third step of a job: workers copy chunks under one snapshot, and this thread alone records what
// they report (design.md, invariant 3). Uses the job's thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "job/job.hpp"
#include "job/progress_meter.hpp"
#include "job/row_source.hpp"
#include "pgstride/error.hpp"

namespace pgstride::job {

enum class TransferEnd {
  finished,       ///< no chunk is left to claim; some tables may have failed
  stopped,        ///< a stop, a pause or a limit; `reason` says which
  snapshot_lost,  ///< another snapshot is needed for the rest
  in_doubt,       ///< a target must be asked anew what it holds
  failed          ///< the job can't go on: disk full, or a table failed and that is to stop it
};

struct TransferResult {
  TransferEnd end = TransferEnd::finished;
  std::string reason;
  bool hold = false;  ///< stopped by `pause --hold`
  std::optional<Error> error;
};

/// What counts through all transfers of one run.
struct RunLimits {
  std::int64_t chunks_claimed = 0;
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
};

/// Copies until nothing is left or something ends it. All chunks in flight have ended when it
/// returns.
TransferResult transfer(Job& job, RowSource& source, ProgressMeter& meter, RunLimits& limits);

}  // namespace pgstride::job
