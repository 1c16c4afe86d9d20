// Opening checkpoint.db, for writing or for reading.
#include <fmt/format.h>

#include "base/durable_file.hpp"
#include "checkpoint/checkpoint_store.hpp"
#include "checkpoint/schema.hpp"
#include "checkpoint/sqlite_store.hpp"

namespace pgstride::checkpoint {

namespace {

std::filesystem::path file_of(const std::filesystem::path& directory) {
  return directory / "checkpoint.db";
}

Error no_job(const std::filesystem::path& directory) {
  return {ErrorKind::usage, fmt::format("\"{}\" holds no job", directory.string()),
          "name the directory that was given as --out or --job"};
}

/// True if all there is to read stands in the main file.
bool has_empty_wal(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file.string() + "-wal", error);
  return error == std::errc::no_such_file_or_directory || (!error && size == 0);
}

/// Opens for reading and reads once, since SQLite looks at the log only then.
std::unique_ptr<Database> open_reader(const std::filesystem::path& file, OpenMode mode) {
  auto db = std::make_unique<Database>(file, mode);
  configure(*db);
  static_cast<void>(is_blank(*db));
  return db;
}

/// A WAL database needs its -shm file. Where that can't be made (a directory that may only be read)
/// the main file alone will do, provided that no log stands beside it.
std::unique_ptr<Database> open_reader(const std::filesystem::path& file) {
  try {
    return open_reader(file, OpenMode::read);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::checkpoint || !has_empty_wal(file)) {
      throw;
    }
  }
  return open_reader(file, OpenMode::immutable);
}

}  // namespace

bool has_store(const std::filesystem::path& directory) {
  std::error_code error;
  return std::filesystem::exists(file_of(directory), error);
}

std::unique_ptr<CheckpointStore> open_store(const std::filesystem::path& directory) {
  const bool made = !has_store(directory);
  auto db = std::make_unique<Database>(file_of(directory), OpenMode::write);
  if (is_blank(*db)) {
    configure(*db);
    create_schema(*db);
  } else {
    // Before anything is changed: the file may be another program's.
    check_version(*db);
    configure(*db);
    migrate(*db);
  }
  if (made) {
    sync_directory(directory);
  }
  return std::make_unique<SqliteStore>(std::move(db));
}

std::unique_ptr<CheckpointStore> open_store_read_only(const std::filesystem::path& directory) {
  if (!has_store(directory)) {
    throw no_job(directory);
  }
  auto db = open_reader(file_of(directory));
  if (is_blank(*db)) {
    throw no_job(directory);
  }
  check_version(*db);
  return std::make_unique<SqliteStore>(std::move(db));
}

}  // namespace pgstride::checkpoint
