#include "support/run_program.hpp"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <thread>

extern char** environ;

namespace pgstride::test {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::vector<std::string> merged(const Environment& changes) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!changes.contains(text.substr(0, text.find('=')))) {
      all.push_back(text);
    }
  }
  for (const auto& [name, value] : changes) {
    if (!value.empty()) {
      all.push_back(name + "=" + value);
    }
  }
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

// Between fork and exec only async-signal-safe calls are allowed.
[[noreturn]] void become(pid_t parent, char* const* argv, char* const* env, int in, int out,
                         int err) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    _exit(127);
  }
  // Signals are blocked until here: our handlers (doctest's) must not run in the child.
  for (int signal = 1; signal < NSIG; ++signal) {
    ::signal(signal, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(in, 0);
  dup2(out, 1);
  dup2(err, 2);
  execvpe(argv[0], argv, env);
  _exit(127);
}

int open_file(const std::filesystem::path& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) {
    fail(path.string());
  }
  return fd;
}

}  // namespace

std::string Ended::text() const {
  std::string end = code ? "exit " + std::to_string(*code) : "signal " + std::to_string(signal);
  return end + "\n--- stdout\n" + out.substr(0, 4000) + "\n--- stderr\n" + err.substr(0, 4000);
}

Process::Process(const Arguments& argv, const Environment& environment, const std::string& input)
    : m_dir("p"), m_name(argv.at(0)) {
  write_text(m_dir / "in", input);
  auto arguments = argv;
  auto variables = merged(environment);
  const auto argument_pointers = pointers(arguments);
  const auto variable_pointers = pointers(variables);
  const int in = open_file(m_dir / "in", O_RDONLY);
  const int out = open_file(m_dir / "out", O_WRONLY | O_CREAT | O_APPEND);
  const int err = open_file(m_dir / "err", O_WRONLY | O_CREAT | O_APPEND);
  const pid_t parent = getpid();
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  m_pid = fork();
  if (m_pid == 0) {
    become(parent, argument_pointers.data(), variable_pointers.data(), in, out, err);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  close(in);
  close(out);
  close(err);
  if (m_pid < 0) {
    fail("fork");
  }
  // glibc 2.36 declares pidfd_open() without C linkage in C++.
  m_pidfd = static_cast<int>(syscall(SYS_pidfd_open, m_pid, 0));
  if (m_pidfd < 0) {
    fail("pidfd_open");
  }
}

Process::~Process() {
  if (!m_status) {
    kill(SIGKILL);
    ends_within(std::chrono::milliseconds(60'000));
  }
  close(m_pidfd);
}

void Process::kill(int signal) const {
  if (!m_status) {
    ::kill(m_pid, signal);
  }
}

bool Process::ends_within(std::chrono::milliseconds limit) {
  if (m_status) {
    return true;
  }
  pollfd waited{m_pidfd, POLLIN, 0};
  if (poll(&waited, 1, static_cast<int>(limit.count())) != 1) {
    return false;
  }
  int status = 0;
  rusage used{};
  if (wait4(m_pid, &status, 0, &used) != m_pid) {
    fail("wait4");
  }
  m_peak_kb = used.ru_maxrss;
  m_status = status;
  return true;
}

Ended Process::wait(std::chrono::seconds limit) {
  const bool ended = ends_within(limit);
  if (!ended) {
    kill(SIGABRT);
    ends_within(std::chrono::milliseconds(60'000));
  }
  Ended result;
  result.peak_kb = m_peak_kb;
  result.out = out_so_far();
  result.err = err_so_far();
  if (!ended) {
    throw std::runtime_error(m_name + " did not end within " + std::to_string(limit.count()) +
                             " s\n" + result.text());
  }
  if (WIFEXITED(*m_status)) {
    result.code = WEXITSTATUS(*m_status);
  } else {
    result.signal = WTERMSIG(*m_status);
  }
  return result;
}

Ended run(const Arguments& argv, const Environment& environment, std::chrono::seconds limit) {
  return Process(argv, environment).wait(limit);
}

std::string run_or_throw(const Arguments& argv, const Environment& environment) {
  const auto ended = run(argv, environment);
  if (ended.code != 0) {
    std::string line;
    for (const auto& word : argv) {
      line += word + ' ';
    }
    throw std::runtime_error(line + ": " + ended.text());
  }
  return ended.out;
}

Arguments program(Arguments arguments) {
  // Another build of the program, with a sanitizer in it, is given by the environment (tools/test).
  const char* other = std::getenv("PGSTRIDE_PROGRAM");
  arguments.insert(arguments.begin(), other != nullptr ? other : PGSTRIDE_PROGRAM);
  return arguments;
}

void pause_briefly() {
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace pgstride::test
