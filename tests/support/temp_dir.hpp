// Temporary folders of a test program, and small file systems that really fill up. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace pgstride::test {

/// The one folder of this test program (`/tmp/pgs.XXXXXX`). A watcher process of its own stops the
/// servers in it and deletes it when this program ends, however it ends: also by kill -9.
/// PGSTRIDE_KEEP=1 keeps the files (servers are stopped all the same).
const std::filesystem::path& temp_root();

/// An empty folder below temp_root(), deleted with the object.
class TempDir {
 public:
  explicit TempDir(const std::string& prefix = "d");
  ~TempDir();
  TempDir(TempDir&& other) noexcept : m_path(std::exchange(other.m_path, {})) {}
  TempDir& operator=(TempDir&&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return m_path / name;
  }

 private:
  std::filesystem::path m_path;
};

/// A tmpfs of a given size in bytes, unmounted with the object.
class SmallFileSystem {
 public:
  /// Nothing if it can't be mounted (not root, or a container that forbids it); the test says so.
  static std::optional<SmallFileSystem> mount(std::uint64_t bytes);
  ~SmallFileSystem();
  SmallFileSystem(SmallFileSystem&& other) noexcept = default;
  SmallFileSystem& operator=(SmallFileSystem&&) = delete;

  void resize(std::uint64_t bytes) const;
  [[nodiscard]] const std::filesystem::path& path() const { return m_dir.path(); }

 private:
  explicit SmallFileSystem(TempDir dir) : m_dir(std::move(dir)) {}
  TempDir m_dir;
};

std::string read_text(const std::filesystem::path& path);
void write_text(const std::filesystem::path& path, std::string_view text);

}  // namespace pgstride::test
