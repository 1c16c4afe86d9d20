#include <system_error>

#include <fmt/format.h>

#include "archive/names.hpp"
#include "base/durable_file.hpp"
#include "checkpoint/checkpoint_store.hpp"
#include "job/directory.hpp"
#include "pgstride/error.hpp"

namespace pgstride::job {

namespace fs = std::filesystem;

// The checkpoint goes last: killed before, the job is still known, and is discarded when asked
// again.
void discard_job(const fs::path& directory) {
  if (!checkpoint::has_store(directory)) {
    return;
  }
  remove_file(directory / "manifest.json");
  for (const auto& record : checkpoint::open_store(directory)->tables()) {
    std::error_code error;
    fs::remove_all(directory / archive::table_directory(record.table.schema, record.table.name),
                   error);
    if (error) {
      throw io_error("remove files of", directory, error.value());
    }
  }
  for (const auto* name : {"checkpoint.db-wal", "checkpoint.db-shm", "checkpoint.db"}) {
    remove_file(directory / name);
  }
  sync_directory(directory);
}

}  // namespace pgstride::job
