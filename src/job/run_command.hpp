// What export, copy and import have in common: a directory in which a job is begun, or goes on.
// Uses the calling thread as the job's.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "job/job.hpp"

namespace pgstride::job {

struct Command {
  std::string verb;
  std::string settings;              ///< as settings_json() gives them
  std::vector<std::string> targets;  ///< connection strings; of an export none
  bool restart = false;
  std::function<void(Job&)> plan;  ///< of a new job; where it throws, nothing is left behind
};

/// Takes the directory of a job whose options are set, discards what is there if that is asked for,
/// and runs the job from wherever it stands. Throws Error (usage) if it is another verb's, or has
/// other settings or targets.
JobSummary run_command(Job& job, const Command& command);

}  // namespace pgstride::job
