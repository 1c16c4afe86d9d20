#include "base/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

#include "base/unique_fd.hpp"
#include "pgstride/error.hpp"

extern char** environ;

namespace pgstride {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int k_poll_ms = 100;
constexpr std::chrono::seconds k_patience{10};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Error start_error(const std::string& program, int error_number) {
  return {ErrorKind::io,
          fmt::format("can't run {}: {}", program, std::strerror(error_number))};  // NOLINT
}

Pipe make_pipe(const std::string& program) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
    throw start_error(program, errno);
  }
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const auto& text : texts) {
    out.push_back(
        const_cast<char*>(text.c_str()));  // execve() takes them so, and leaves them alone
  }
  out.push_back(nullptr);
  return out;
}

// Between fork and exec in a process with threads: async-signal-safe calls only.
[[noreturn]] void become(char* const* argv, char* const* environment, int in, int out, int err,
                         int trouble, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() == parent) {
    // A Ctrl-C at the terminal is for us to hear; what becomes of the child follows from that.
    ::setpgid(0, 0);
    for (int signal = 1; signal < NSIG; ++signal) {
      ::signal(signal, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    ::execve(argv[0], argv, environment);
    const int why = errno;
    [[maybe_unused]] const auto told = ::write(trouble, &why, sizeof why);
  }
  ::_exit(127);
}

/// A started child; killed and waited for unless wait() was called.
class Child {
 public:
  explicit Child(const ChildStart& start)
      : m_out(make_pipe(start.argv.front())), m_err(make_pipe(start.argv.front())) {
    auto trouble = make_pipe(start.argv.front());
    const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const auto argv = pointers(start.argv);
    const auto environment = pointers(start.environment);
    const auto parent = ::getpid();
    // Our handlers must not run in the child.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    m_pid = ::fork();
    if (m_pid == 0) {
      become(argv.data(), environment.data(), nothing.get(), m_out.write.get(), m_err.write.get(),
             trouble.write.get(), parent);
    }
    const int why_not = errno;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (m_pid < 0) {
      throw start_error(start.argv.front(), why_not);
    }
    ::setpgid(m_pid, m_pid);  // whoever of the two is first
    m_out.write.reset();
    m_err.write.reset();
    trouble.write.reset();
    int why = 0;
    if (::read(trouble.read.get(), &why, sizeof why) == static_cast<ssize_t>(sizeof why)) {
      wait();
      throw start_error(start.argv.front(), why);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (m_pid > 0) {
      kill(SIGKILL);
      wait();
    }
  }

  // With what it may have started itself.
  void kill(int signal) const { ::kill(-m_pid, signal); }

  // Takes what has been written; false once both ends are closed.
  bool take(ChildEnd& end) {
    std::array<pollfd, 2> entries{};
    entries[0] = {m_out.read.get(), POLLIN, 0};
    entries[1] = {m_err.read.get(), POLLIN, 0};
    if (::poll(entries.data(), entries.size(), k_poll_ms) > 0) {
      take_from(m_out.read, entries[0].revents, end.out);
      take_from(m_err.read, entries[1].revents, end.err);
    }
    return m_out.read.valid() || m_err.read.valid();
  }

  int wait() {
    int status = 0;
    while (::waitpid(m_pid, &status, 0) < 0 && errno == EINTR) {
    }
    m_pid = -1;
    return status;
  }

 private:
  static void take_from(UniqueFd& fd, short events, std::string& text) {
    if (events == 0) {
      return;
    }
    std::array<char, 65536> buffer{};
    const auto length = ::read(fd.get(), buffer.data(), buffer.size());
    if (length > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(length));
    } else if (length == 0 || errno != EINTR) {
      fd.reset();
    }
  }

  pid_t m_pid = -1;
  Pipe m_out;
  Pipe m_err;
};

}  // namespace

ChildEnd run_child(const ChildStart& start, const std::stop_token& stop) {
  if (stop.stop_requested()) {
    throw Error(ErrorKind::stopped, "stopped before running " + start.argv.front());
  }
  Child child(start);
  ChildEnd end;
  bool asked = false;
  Clock::time_point asked_at;
  while (child.take(end)) {
    if (stop.stop_requested() && !asked) {
      asked = true;
      asked_at = Clock::now();
      child.kill(SIGTERM);
    } else if (asked && Clock::now() - asked_at > k_patience) {
      child.kill(SIGKILL);
    }
  }
  const int status = child.wait();
  if (asked) {
    throw Error(ErrorKind::stopped, "stopped while running " + start.argv.front());
  }
  end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return end;
}

std::vector<std::string> environment_without(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (std::find(names.begin(), names.end(), text.substr(0, text.find('='))) == names.end()) {
      out.push_back(text);
    }
  }
  return out;
}

}  // namespace pgstride
