// One random trial: an export that is disturbed again and again, resumed until it is done, and
// compared. Everything random comes from the seed (but not the timing of threads and servers).
#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

#include "harness/export_job.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::test {

enum class Fault {
  kill_9,
  crash_point,      ///< SIGKILL at a random step of a resume with a slot
  interrupt,        ///< SIGINT: finish the chunks in flight, exit 130
  interrupt_twice,  ///< cancel them
  terminate,        ///< SIGTERM, exit 3
  pause,            ///< `pgstride pause DIR`
  pause_hold,       ///< `pgstride pause DIR --hold`
  backends,         ///< some of the job's sessions are terminated on the server
  restart_fast,
  restart_immediate
};
std::string fault_name(Fault fault);

struct TrialPlan {
  unsigned long seed = 1;
  std::vector<Fault> faults;  ///< one of these strikes each run, at a random moment
  int strikes = 4;            ///< runs that are struck; the rest are left in peace
  bool writers = false;
  bool rewrites = false;  ///< also VACUUM FULL, ALTER, TRUNCATE
  /// The job has a slot, so a resume must be exact: all tables as of one snapshot at the end.
  bool slot = false;
  /// Resumes redo nothing (fuzzy), and are checked as if that were exact: the check must find it.
  bool naive = false;
  std::vector<TableKind> kinds = all_kinds();
  long rows = 1000;
};

struct TrialResult {
  std::map<std::string, int> strikes;  ///< by fault_name(), those that met a running job
  int runs = 0;
  int begun_anew = 0;  ///< `--restart` after a rewrite made going on impossible
  long writes = 0;
  long rewrites = 0;
  std::string consistency;
  Problems problems;
  [[nodiscard]] std::string text() const;
};

/// The database is made for the trial and dropped after it, unless there were problems.
TrialResult run_trial(TempCluster& cluster, const TrialPlan& plan);

/// Format, compression, chunks and workers of an export.
std::vector<std::string> random_export_options(std::mt19937_64& random);

/// Of a source that can have slots.
ClusterOptions logical_options();

/// PGSTRIDE_TEST_SEED, or 1.
unsigned long test_seed();
/// An integer from the environment, so that the same cases serve `tools/test` and `tools/torture`.
long number_from(const char* variable, long otherwise);

}  // namespace pgstride::test
