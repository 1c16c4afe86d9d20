// The job's directory: who may use it, and the small files through which processes speak (a pause
// that is asked for, a snapshot that is held). Functions; the job's thread or another process.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/job_lock.hpp"

namespace pgstride::job {

inline constexpr const char* k_job_lock = "job.lock";
inline constexpr const char* k_hold_lock = "hold.lock";
/// Removes what --create-schema has written: `schema.…`. Throws Error (io).
void remove_schema_files(const std::filesystem::path& directory);

/// Makes or takes a directory for a new or unfinished job, and locks it. A directory without
/// checkpoint.db must be absent or empty. Throws Error: usage (holds other files), io (not
/// writable), checkpoint (another process has it).
std::unique_ptr<JobLock> take_directory(const std::filesystem::path& directory);
/// The same for one that must hold a job already. Throws Error (usage) otherwise.
std::unique_ptr<JobLock> take_existing(const std::filesystem::path& directory);

/// Takes away what stands in a directory where nothing was planned: checkpoint and lock, the
/// directory too if `made` says that this run made it. Errors are left alone: a later run finds its
/// way.
void leave_directory(const std::filesystem::path& directory, bool made);

/// Removes what a job made, for --restart: its tables' files, manifest, checkpoint. Other files
/// stay.
void discard_job(const std::filesystem::path& directory);
/// True if a discard was cut short: what is left is no job any more.
bool is_discarding(const std::filesystem::path& directory);

enum class PauseRequest { none, pause, hold };
/// What another process has asked for; cleared when a run begins.
PauseRequest pause_request(const std::filesystem::path& directory);
void set_pause_request(const std::filesystem::path& directory, PauseRequest request);

/// A process that holds its snapshot ends when this is set, by the one that has taken it over.
bool release_requested(const std::filesystem::path& directory);
void set_release_request(const std::filesystem::path& directory, bool set);

/// The sessions of a process that holds its snapshot, as the checkpoint stores them; that process
/// alone writes them here, so that one that goes on with the job can't lose them. Empty if there is
/// none.
std::string held_by_other_process(const std::filesystem::path& directory);
void set_held(const std::filesystem::path& directory, const std::string& holders);

/// The process that runs the job, or holds its snapshot.
struct Liveness {
  bool running = false;
  bool held = false;
  int pid = 0;
};
Liveness liveness(const std::filesystem::path& directory);

/// The directory's last name, which names the job's sessions.
std::string job_name(const std::filesystem::path& directory);

}  // namespace pgstride::job
