// What tells cheaply whether a file was changed. Any thread.
#pragma once

#include <cstdint>
#include <filesystem>

namespace pgstride::archive {

struct FileFacts {
  std::int64_t bytes = 0;
  std::int64_t mtime_ns = 0;  ///< of the last change, since 1970
  bool operator==(const FileFacts&) const = default;
};

/// Throws Error (io).
FileFacts file_facts(const std::filesystem::path& path);

}  // namespace pgstride::archive
