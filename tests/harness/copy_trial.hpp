// One random trial of a copy or an import into one or two databases: disturbed again and again,
// resumed until it is done, and compared. Everything random comes from the seed (but not the timing
// of threads and servers).
#pragma once

#include <string>
#include <vector>

#include "harness/trial.hpp"

namespace pgstride::test {

enum class CopyFault {
  kill_9,
  crash_point,      ///< SIGKILL at a random step
  interrupt,        ///< SIGINT: finish the chunks in flight, exit 130
  interrupt_twice,  ///< cancel them
  pause_hold,       ///< `pgstride pause DIR --hold`
  source_backends,  ///< some of the job's sessions are terminated
  target_backends,
  harass,       ///< one session, on either server, every 200 ms or less, through the whole run
  target_away,  ///< one target takes no connections for a whole run
  source_restart,
  target_restart,
  source_crash,  ///< pg_ctl -m immediate
  target_crash
};
std::string fault_name(CopyFault fault);

/// Where the rows come from.
enum class CopySource {
  server,
  an_export,  ///< of random format and compression
  file        ///< one csv file, cut into pieces; the table is wide_rows()
};

struct CopyTrialPlan {
  unsigned long seed = 1;
  CopySource source = CopySource::server;
  std::vector<CopyFault> faults;  ///< one of these strikes each run, at a random moment
  int strikes = 4;                ///< runs that are struck; the rest are left in peace
  bool writers = false;           ///< on the source, which is a server
  bool without_ledger = false;    ///< always, not only now and then
  /// The job has a slot, so a resume must be exact: all tables as of one snapshot at the end.
  bool slot = false;
  std::vector<TableKind> kinds = all_kinds();
  long rows = 800;
};

/// Databases are made for the trial on both servers and dropped after it, unless there were
/// problems.
TrialResult run_copy_trial(TempCluster& source, TempCluster& target, const CopyTrialPlan& plan);

}  // namespace pgstride::test
