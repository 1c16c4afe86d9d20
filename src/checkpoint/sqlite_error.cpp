#include "checkpoint/sqlite_error.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstring>

namespace pgstride::checkpoint {

Error sqlite_error(int code, int system_errno, const std::filesystem::path& path,
                   const std::string& detail) {
  const int primary = code & 0xff;
  const std::string name = fmt::format("checkpoint \"{}\"", path.string());
  const bool disk_trouble = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN;
  // A full disk shows as SQLITE_FULL on a write, but as SQLITE_IOERR or SQLITE_CANTOPEN when the
  // -wal or -shm file can't be made or grown.
  if (primary == SQLITE_FULL ||
      (disk_trouble && (system_errno == ENOSPC || system_errno == EDQUOT))) {
    return {ErrorKind::io, fmt::format("no space left to write {}", name),
            "free space on its file system and run the same command again; what was recorded is "
            "kept"};
  }
  switch (primary) {
  case SQLITE_IOERR:
    return {ErrorKind::io,
            fmt::format("{} can't be read or written: {}", name,
                        system_errno != 0 ? std::strerror(system_errno) : detail.c_str()),
            "check the disk, its free space and the system's log, then run the same command again"};
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return {ErrorKind::checkpoint, fmt::format("{} is damaged: {}", name, detail),
            "restore it from a copy, or begin the job again with --restart"};
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return {ErrorKind::checkpoint, fmt::format("{} is in use by another process", name),
            "wait until that process is through"};
  case SQLITE_READONLY:
  case SQLITE_CANTOPEN:
  case SQLITE_PERM:
  case SQLITE_AUTH:
    return {ErrorKind::checkpoint,
            fmt::format("{} can't be opened as needed: {}", name,
                        primary == SQLITE_CANTOPEN && system_errno != 0
                            ? std::strerror(system_errno)
                            : detail.c_str()),
            "check who owns the file and the directory, and whether they may be written"};
  case SQLITE_CONSTRAINT:
    return {ErrorKind::internal, fmt::format("{} refused a change: {}", name, detail)};
  default:
    return {ErrorKind::checkpoint, fmt::format("{}: {} (SQLite {})", name, detail, code)};
  }
}

}  // namespace pgstride::checkpoint
