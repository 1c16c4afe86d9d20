// A file that is there whole or not at all: written as `NAME.part`, synced, renamed, its directory
// synced. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/unique_fd.hpp"

namespace pgstride {

class DurableFile {
 public:
  /// Creates (or truncates) `path` + `.part`. Throws Error (io) naming the file, with a hint.
  explicit DurableFile(std::filesystem::path path);
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;
  /// Abandons: removes the `.part` unless commit() returned.
  ~DurableFile();

  /// Appends; what failed may be tried again. Starts write-back every 8 MiB (sync_file_range):
  /// speed.md, Files.
  void write(std::string_view bytes);

  /// fsync, rename over `path`, fsync of the directory. After it the file survives a power loss.
  void commit();

  [[nodiscard]] std::int64_t size() const { return m_size; }

 private:
  std::filesystem::path m_path;
  std::filesystem::path m_part;
  UniqueFd m_fd;
  std::int64_t m_size = 0;
  std::int64_t m_flushed = 0;
  bool m_committed = false;
};

/// The same for a file that another program wrote: fsync, rename, fsync of the directory. Throws
/// Error (io).
void commit_file(const std::filesystem::path& part, const std::filesystem::path& path);
/// Creates a directory and its missing parents durably. Throws Error (io).
void make_directories(const std::filesystem::path& directory);
/// fsync of a directory, so that names in it survive. Throws Error (io).
void sync_directory(const std::filesystem::path& directory);
/// Removes a file if it is there, and syncs nothing. Throws Error (io).
void remove_file(const std::filesystem::path& path);
/// An Error (io) for errno: `can't write "…": No space left on device`, with a hint that fits.
class Error io_error(const char* doing, const std::filesystem::path& path, int error_number);

}  // namespace pgstride
