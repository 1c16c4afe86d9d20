// The lock of a job directory: flock on `job.lock`, which holds who has it. It dies with its
// process, whatever ended that. Belongs to one thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/unique_fd.hpp"

namespace pgstride {

/// Who holds a lock, as written into it: pid and command line.
struct LockOwner {
  int pid = 0;
  std::string command;
};

class JobLock {
 public:
  /// Takes the lock. Throws Error (checkpoint) naming the owner if another process has it.
  JobLock(const std::filesystem::path& directory, const std::string& file_name = "job.lock");
  /// The present owner of a directory's lock; none if nobody holds it (liveness is the lock, never
  /// a pid).
  static std::optional<LockOwner> owner(const std::filesystem::path& directory,
                                        const std::string& file_name = "job.lock");

 private:
  UniqueFd m_fd;
};

}  // namespace pgstride
