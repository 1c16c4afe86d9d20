#include "base/job_lock.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <thread>

#include "base/command_line.hpp"
#include "base/durable_file.hpp"
#include "pgstride/error.hpp"

namespace pgstride {

namespace {

/// owner() of another process holds a shared lock for microseconds; that is no owner.
constexpr int k_tries = 20;
constexpr std::chrono::milliseconds k_try_wait{5};

bool try_lock(int fd, int operation, const std::filesystem::path& path) {
  while (::flock(fd, operation | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return false;
    }
    if (errno != EINTR) {
      throw io_error("lock", path, errno);
    }
  }
  return true;
}

bool is_file_at(int fd, const std::filesystem::path& path) {
  struct stat open = {};
  struct stat named = {};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

bool lock_patiently(int fd, const std::filesystem::path& path) {
  for (int i = 0; i < k_tries; ++i) {
    if (try_lock(fd, LOCK_EX, path)) {
      return true;
    }
    std::this_thread::sleep_for(k_try_wait);
  }
  return false;
}

/// The file's text is `PID COMMAND LINE\n`.
LockOwner read_owner(int fd) {
  std::array<char, 4096> buffer = {};
  const ssize_t length = ::pread(fd, buffer.data(), buffer.size(), 0);
  std::string_view text(buffer.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  LockOwner owner;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), owner.pid);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (error == std::errc() && !text.empty()) {
    owner.command = text.substr(1, text.find('\n') - 1);
  }
  return owner;
}

void write_owner(int fd, const std::filesystem::path& path) {
  const std::string text = fmt::format("{} {}\n", ::getpid(), own_command_line());
  if (::ftruncate(fd, 0) != 0) {
    throw io_error("write", path, errno);
  }
  const ssize_t written = ::pwrite(fd, text.data(), text.size(), 0);
  if (written != static_cast<ssize_t>(text.size())) {
    throw io_error("write", path, written < 0 ? errno : ENOSPC);
  }
}

Error in_use(const std::filesystem::path& directory, const LockOwner& owner) {
  return {ErrorKind::checkpoint,
          fmt::format("the job in \"{}\" is in use by process {} ({})", directory.string(),
                      owner.pid, owner.command),
          "wait for it to end, or stop it with pgstride pause"};
}

}  // namespace

JobLock::JobLock(const std::filesystem::path& directory, const std::string& file_name) {
  const auto path = directory / file_name;
  do {
    m_fd.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (!m_fd.valid()) {
      throw io_error("open", path, errno);
    }
    if (!lock_patiently(m_fd.get(), path)) {
      throw in_use(directory, read_owner(m_fd.get()));
    }
    // Whoever had it may have removed it just before: another would make and lock a new one then.
  } while (!is_file_at(m_fd.get(), path));
  write_owner(m_fd.get(), path);
}

std::optional<LockOwner> JobLock::owner(const std::filesystem::path& directory,
                                        const std::string& file_name) {
  const auto path = directory / file_name;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    throw io_error("open", path, errno);
  }
  if (try_lock(fd.get(), LOCK_SH, path)) {
    return std::nullopt;  // closing releases it at once
  }
  return read_owner(fd.get());
}

}  // namespace pgstride
