#include "job/directory.hpp"

#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/durable_file.hpp"
#include "checkpoint/checkpoint_store.hpp"
#include "pgstride/error.hpp"

namespace pgstride::job {

namespace fs = std::filesystem;

namespace {

constexpr const char* k_pause = "pause.request";
constexpr const char* k_release = "release.request";
constexpr const char* k_held = "hold.sessions";

// What is there before a job's first checkpoint row: an earlier process died while it began.
bool only_our_beginnings(const fs::path& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    const auto name = entry.path().filename().string();
    if (name != k_job_lock && name != k_hold_lock && name != k_pause && name != k_release &&
        name != k_held && name != "discarding" && name != "discarding.part" &&
        name != "lost+found") {
      return false;
    }
  }
  return true;
}

std::vector<fs::path> schema_files(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const auto name = entry.path().filename().string();
    if (name == "schema.dump" || name == "schema.dump.part" ||
        (name.starts_with("schema.") &&
         (name.ends_with(".list") || name.ends_with(".list.part")))) {
      files.push_back(entry.path());
    }
  }
  return files;
}

}  // namespace

void remove_schema_files(const fs::path& directory) {
  for (const auto& file : schema_files(directory)) {
    remove_file(file);
  }
}

std::unique_ptr<JobLock> take_directory(const fs::path& directory) {
  std::error_code error;
  if (fs::exists(directory, error) && !fs::is_directory(directory, error)) {
    throw Error(ErrorKind::usage, fmt::format("\"{}\" is not a directory", directory.string()),
                "give a directory that is empty or does not exist yet");
  }
  make_directories(directory);
  if (!checkpoint::has_store(directory) && !is_discarding(directory) &&
      !only_our_beginnings(directory)) {
    throw Error(ErrorKind::usage,
                fmt::format("directory \"{}\" is not empty and holds no job", directory.string()),
                "give a directory that is empty or does not exist yet");
  }
  return std::make_unique<JobLock>(directory, k_job_lock);
}

void leave_directory(const fs::path& directory, bool made) {
  std::error_code ignored;
  for (const auto& file : schema_files(directory)) {
    fs::remove(file, ignored);
  }
  for (const auto* name : {"checkpoint.db-wal", "checkpoint.db-shm", "checkpoint.db", k_job_lock}) {
    fs::remove(directory / name, ignored);
  }
  if (made) {
    fs::remove(directory, ignored);  // only if it is empty
  }
}

std::unique_ptr<JobLock> take_existing(const fs::path& directory) {
  if (!checkpoint::has_store(directory)) {
    throw Error(ErrorKind::usage,
                fmt::format("directory \"{}\" holds no job (no checkpoint.db)", directory.string()),
                "name the directory that was given to export with --out");
  }
  return std::make_unique<JobLock>(directory, k_job_lock);
}

PauseRequest pause_request(const fs::path& directory) {
  std::ifstream in(directory / k_pause);
  std::string word;
  if (!(in >> word)) {
    return PauseRequest::none;
  }
  return word == "hold" ? PauseRequest::hold : PauseRequest::pause;
}

void set_pause_request(const fs::path& directory, PauseRequest request) {
  if (request == PauseRequest::none) {
    remove_file(directory / k_pause);
    return;
  }
  DurableFile file(directory / k_pause);  // whole or not there: its reader polls
  file.write(request == PauseRequest::hold ? "hold\n" : "pause\n");
  file.commit();
}

bool release_requested(const fs::path& directory) {
  std::error_code error;
  return fs::exists(directory / k_release, error);
}

void set_release_request(const fs::path& directory, bool set) {
  if (!set) {
    remove_file(directory / k_release);
    return;
  }
  DurableFile file(directory / k_release);
  file.commit();
}

std::string held_by_other_process(const fs::path& directory) {
  std::ifstream in(directory / k_held);
  return {std::istreambuf_iterator<char>(in), {}};
}

void set_held(const fs::path& directory, const std::string& holders) {
  if (holders.empty()) {
    remove_file(directory / k_held);
    return;
  }
  DurableFile file(directory / k_held);
  file.write(holders);
  file.commit();
}

Liveness liveness(const fs::path& directory) {
  Liveness out;
  if (const auto owner = JobLock::owner(directory, k_job_lock)) {
    out.running = true;
    out.pid = owner->pid;
  }
  if (const auto owner = JobLock::owner(directory, k_hold_lock)) {
    out.held = true;
    if (!out.running) {
      out.pid = owner->pid;
    }
  }
  return out;
}

std::string job_name(const fs::path& directory) {
  auto path = fs::absolute(directory).lexically_normal();
  if (path.filename().empty()) {
    path = path.parent_path();
  }
  return path.filename().string();
}

}  // namespace pgstride::job
