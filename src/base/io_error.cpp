#include <fmt/core.h>

#include <cerrno>
#include <system_error>

#include "base/durable_file.hpp"
#include "pgstride/error.hpp"

namespace pgstride {

namespace {

const char* hint_for(int error_number) {
  switch (error_number) {
  case ENOSPC:
    return "make space on that file system, then run the same command again: the job resumes";
  case EDQUOT:
    return "the disk quota is used up: make space or have it raised, then run the same command "
           "again: the job resumes";
  case EACCES:
  case EPERM:
    return "give the user who runs pgstride permission for that file and its directory, or name "
           "another directory";
  case EROFS:
    return "the file system is mounted read-only; name another directory or remount it";
  case ENOENT:
    return "the file or a directory above it is not there; check the path, and that nothing else "
           "removes files of the job";
  case ENOTDIR:
    return "a part of the path is a file; name another directory";
  case EISDIR:
    return "a directory stands where a file should be; name another directory";
  case EEXIST:
    return "a file stands where a directory should be; name another directory";
  case ENAMETOOLONG:
    return "the path is too long for that file system; name a directory with a shorter path";
  case EMFILE:
  case ENFILE:
    return "too many files are open; raise the limit (ulimit -n) or use fewer jobs";
  case EFBIG:
    return "the file is larger than the file system or ulimit -f allows; use smaller chunks";
  case EIO:
  case ENXIO:
    return "the storage reported a fault; look at the system's log (dmesg)";
  case ESTALE:
    return "the network file system lost the file; mount it again, then run the same command "
           "again: the job resumes";
  default:
    return "";
  }
}

}  // namespace

Error io_error(const char* doing, const std::filesystem::path& path, int error_number) {
  return {ErrorKind::io,
          fmt::format("can't {} \"{}\": {}", doing, path.string(),
                      std::generic_category().message(error_number)),
          hint_for(error_number)};
}

}  // namespace pgstride
