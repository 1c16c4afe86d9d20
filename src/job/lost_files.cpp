#include "job/lost_files.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "base/durable_file.hpp"
#include "job/end_step.hpp"
#include "job/exact_step.hpp"
#include "job/server_source.hpp"
#include "job/slot_step.hpp"

namespace pgstride::job {

namespace {

constexpr std::size_t k_named = 3;  // files that the warning names; `status --chunks` has them all

/// What is wrong with a file, empty if nothing is.
std::string fault_of(const std::filesystem::path& path, std::int64_t bytes) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) {
    return "file missing";
  }
  return size == static_cast<std::uintmax_t>(bytes)
             ? ""
             : fmt::format("file size differs: {} bytes, not {}", size, bytes);
}

std::string lost_of_the_end(Job& job) {
  std::error_code error;
  if (!std::filesystem::exists(job.directory / "manifest.json", error)) {
    return "manifest.json";
  }
  for (const auto& parent : parent_tables(*job.store)) {
    if (parent.files > 0) {
      continue;
    }
    auto file = empty_file_path(job, parent);
    if (!fault_of(job.directory / file, empty_file_size(job, parent)).empty()) {
      return file;
    }
  }
  return "";
}

// What is read again is newer than where a consumer that was made begins; and under --consistency
// exact a job that is done can't be mended in part: its snapshot is gone.
void check_can_be_redone(Job& job, const LostFiles& lost) {
  refuse_handed_over(job);
  std::int64_t done = 0;
  for (const auto& sum : job.store->totals()) {
    done += sum.done;
  }
  if (job.run.consistency == Consistency::exact && !resumes_exactly(job) &&
      done > static_cast<std::int64_t>(lost.chunks.size())) {
    throw Error(ErrorKind::snapshot,
                fmt::format("--consistency exact can't be kept: {} ({}), and the snapshot that the "
                            "other files were read under is gone",
                            lost.chunks.front().file, lost.chunks.front().reason),
                "go on with --consistency auto, or begin again with --restart");
  }
}

void warn_of(Job& job, const LostFiles& lost) {
  std::string names;
  for (std::size_t i = 0; i < std::min(k_named, lost.chunks.size()); ++i) {
    names +=
        fmt::format("{}{} ({})", i == 0 ? "" : ", ", lost.chunks[i].file, lost.chunks[i].reason);
  }
  if (lost.chunks.size() > k_named) {
    names += fmt::format(" and {} more", lost.chunks.size() - k_named);
  }
  job.warn(fmt::format("what was finished is not there any more and is exported again: {}", names),
           "`pgstride verify` compares the content of all files with their checksums");
}

void plan_again(Job& job, const LostFiles& lost) {
  std::set<std::int64_t> touched;
  for (const auto& file : lost.chunks) {
    job.store->redo_chunk(file.chunk_id, file.reason);
    touched.insert(file.table_id);
  }
  std::map<std::int64_t, std::int64_t> done;
  for (const auto& sum : job.store->totals()) {
    done[sum.table_id] = sum.done;
  }
  for (auto& record : job.store->tables()) {
    if (!touched.contains(record.table.id)) {
      continue;
    }
    if (record.state == "done") {
      record.state = "planned";
    }
    if (done[record.table.id] == 0) {
      record.consistency.clear();  // nothing is left that was read under another snapshot
    }
    job.store->put_table(record);
  }
}

}  // namespace

LostFiles find_lost_files(Job& job) {
  LostFiles lost;
  job.store->each_file([&](const checkpoint::RecordedFile& file) {
    auto fault = fault_of(job.directory / file.file, file.bytes);
    if (!fault.empty()) {
      lost.chunks.push_back({file.chunk_id, file.table_id, file.file, std::move(fault)});
    }
  });
  if (job.record.state == "done") {
    lost.of_the_end = lost_of_the_end(job);
  }
  return lost;
}

void redo_lost_files(Job& job, const LostFiles& lost) {
  if (job.record.state == "done") {
    check_can_be_redone(job, lost);
    check_identity(job);
  }
  warn_of(job, lost);
  remove_file(job.directory / "manifest.json");
  sync_directory(job.directory);
  crash_point("lost_manifest_removed");
  const auto batch = job.store->batch();
  plan_again(job, lost);
  job.record.state = "running";
  job.save();
  batch->commit();
}

}  // namespace pgstride::job
