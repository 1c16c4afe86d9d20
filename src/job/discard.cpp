#include <optional>
#include <system_error>
#include <vector>

#include "archive/names.hpp"
#include "base/crash_point.hpp"
#include "base/durable_file.hpp"
#include "checkpoint/checkpoint_store.hpp"
#include "job/directory.hpp"
#include "pgstride/error.hpp"

namespace pgstride::job {

namespace fs = std::filesystem;

namespace {

// There from before the first file goes until the checkpoint is gone: a checkpoint beside it lies.
constexpr const char* k_discarding = "discarding";

// A checkpoint that is damaged can't name its tables: then their files' names do.
std::vector<std::string> table_directories(const fs::path& directory) {
  std::vector<std::string> out;
  try {
    for (const auto& record : checkpoint::open_store(directory)->tables()) {
      out.push_back(archive::table_directory(record.table.schema, record.table.name));
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::checkpoint) {
      throw;
    }
    return archive::table_directories_in(directory);
  }
  return out;
}

}  // namespace

bool is_discarding(const fs::path& directory) {
  std::error_code error;
  return fs::exists(directory / k_discarding, error);
}

void discard_job(const fs::path& directory) {
  if (!checkpoint::has_store(directory) && !is_discarding(directory)) {
    return;
  }
  if (!is_discarding(directory)) {
    DurableFile mark(directory / k_discarding);
    mark.commit();
  }
  crash_point("discard_marked");
  remove_file(directory / "manifest.json");
  if (checkpoint::has_store(directory)) {
    auto folders = table_directories(directory);
    folders.emplace_back("rejects");
    folders.emplace_back("handoff");
    for (const auto& table : folders) {
      std::error_code error;
      fs::remove_all(directory / table, error);
      if (error) {
        throw io_error("remove files of", directory / table, error.value());
      }
    }
  }
  remove_schema_files(directory);
  crash_point("discard_files_removed");
  for (const auto* name : {"checkpoint.db-wal", "checkpoint.db-shm", "checkpoint.db"}) {
    remove_file(directory / name);
  }
  sync_directory(directory);
  crash_point("discard_checkpoint_removed");
  remove_file(directory / k_discarding);
  sync_directory(directory);
}

}  // namespace pgstride::job
