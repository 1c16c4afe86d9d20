#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

extern char** environ;

namespace pgstride::test {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// Reads until its pipe closes, which the kernel does even after kill -9. A postmaster is only
// signalled while its working directory is the data directory, so a reused pid is never hit.
constexpr const char* k_watcher = R"sh(
trap '' INT TERM HUP
cat >/dev/null
for pidfile in "$1"/*/data/postmaster.pid; do
  [ -f "$pidfile" ] || continue
  pid=$(head -n 1 "$pidfile")
  data=${pidfile%/postmaster.pid}
  [ "$(readlink "/proc/$pid/cwd")" = "$data" ] || continue
  kill -QUIT "$pid"
  n=0
  while [ -d "/proc/$pid" ] && [ $n -lt 100 ]; do sleep 0.05; n=$((n + 1)); done
done
awk -v root="$1/" 'index($2, root) == 1 {print $2}' /proc/mounts |
  while read -r mounted; do umount -l "$mounted"; done
[ -n "$2" ] || rm -rf "$1"
)sh";

class Root {
 public:
  Root() {
    const char* base = std::getenv("TMPDIR");
    std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/pgs.XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) {
      fail("mkdtemp");
    }
    m_path = std::filesystem::canonical(pattern);
    std::filesystem::permissions(m_path, std::filesystem::perms(0755));
    start_watcher();
  }
  ~Root() {
    close(m_write_end);
    waitpid(m_watcher, nullptr, 0);
  }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }

 private:
  void start_watcher() {
    std::array<int, 2> ends{};
    // Close-on-exec: a server or program under test must not hold the write end open.
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
      fail("pipe2");
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // Out of our process group: a Ctrl-C, or ctest killing the group, must not take it along.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    std::string keep = std::getenv("PGSTRIDE_KEEP") != nullptr ? "keep" : "";
    std::string root = m_path.string();
    std::string script = k_watcher;
    std::string shell = "/bin/sh";
    std::string option = "-c";
    std::array<char*, 7> argv{shell.data(), option.data(), script.data(), shell.data(),
                              root.data(),  keep.data(),   nullptr};
    const int error =
        posix_spawn(&m_watcher, "/bin/sh", &actions, &attributes, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[0]);
    m_write_end = ends[1];
    if (error != 0) {
      errno = error;
      fail("posix_spawn");
    }
  }

  std::filesystem::path m_path;
  int m_write_end = -1;
  pid_t m_watcher = 0;
};

}  // namespace

const std::filesystem::path& temp_root() {
  static const Root root;
  return root.path();
}

TempDir::TempDir(const std::string& prefix) {
  static int count = 0;
  m_path = temp_root() / (prefix + std::to_string(++count));
  std::filesystem::create_directory(m_path);
}

TempDir::~TempDir() {
  if (!m_path.empty() && std::getenv("PGSTRIDE_KEEP") == nullptr) {
    std::error_code ignored;
    std::filesystem::remove_all(m_path, ignored);
  }
}

std::optional<SmallFileSystem> SmallFileSystem::mount(std::uint64_t bytes) {
  TempDir dir("fs");
  const std::string options = "size=" + std::to_string(bytes);
  if (::mount("tmpfs", dir.path().c_str(), "tmpfs", 0, options.c_str()) != 0) {
    return std::nullopt;
  }
  return SmallFileSystem(std::move(dir));
}

SmallFileSystem::~SmallFileSystem() {
  if (!path().empty()) {
    umount2(path().c_str(), MNT_DETACH);
  }
}

void SmallFileSystem::resize(std::uint64_t bytes) const {
  const std::string options = "size=" + std::to_string(bytes);
  if (::mount("tmpfs", path().c_str(), "tmpfs", MS_REMOUNT, options.c_str()) != 0) {
    fail("remount of tmpfs");
  }
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!out.flush()) {
    throw std::runtime_error("can't write " + path.string());
  }
}

}  // namespace pgstride::test
