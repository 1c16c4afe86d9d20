#include "archive/file_facts.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "base/durable_file.hpp"
#include "pgstride/error.hpp"

namespace pgstride::archive {

FileFacts file_facts(const std::filesystem::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    throw io_error("read", path, errno);
  }
  return {facts.st_size, facts.st_mtim.tv_sec * 1'000'000'000LL + facts.st_mtim.tv_nsec};
}

}  // namespace pgstride::archive
