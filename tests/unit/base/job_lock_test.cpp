#include "base/job_lock.hpp"

#include <doctest/doctest.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

#include "pgstride/error.hpp"
#include "run_self.hpp"
#include "support/temp_dir.hpp"

namespace pgstride {
namespace {

TEST_CASE("child: hold a lock" * doctest::skip()) {
  const JobLock lock(test::variable("TEST_DIRECTORY"));
  const int ready = std::stoi(test::variable("TEST_READY"));
  REQUIRE(::write(ready, "r", 1) == 1);
  ::pause();
}

/// A process that holds the lock of a directory until it is killed.
class Holder {
 public:
  explicit Holder(const test::TempDir& dir) {
    std::array<int, 2> ends = {};
    REQUIRE(::pipe(ends.data()) == 0);
    m_pid = test::start_self("child: hold a lock", {{"TEST_DIRECTORY", dir.path().string()},
                                                    {"TEST_READY", std::to_string(ends[1])}});
    ::close(ends[1]);
    char ready = 0;
    REQUIRE(::read(ends[0], &ready, 1) == 1);
    ::close(ends[0]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { kill(); }
  void kill() {
    if (m_pid > 0) {
      ::kill(m_pid, SIGKILL);
      test::wait_for(m_pid);
    }
    m_pid = 0;
  }
  [[nodiscard]] pid_t pid() const { return m_pid; }

 private:
  pid_t m_pid = 0;
};

TEST_CASE("a directory without a lock has no owner, nor has a released one") {
  const test::TempDir dir;
  CHECK_FALSE(JobLock::owner(dir.path()));
  {
    const JobLock lock(dir.path());
    const auto owner = JobLock::owner(dir.path());
    REQUIRE(owner);
    CHECK(owner->pid == ::getpid());
    CHECK(owner->command.find("unit_base") != std::string::npos);
  }
  CHECK_FALSE(JobLock::owner(dir.path()));
  const JobLock again(dir.path());
}

TEST_CASE("a second process is refused and told who holds the directory") {
  const test::TempDir dir;
  const Holder holder(dir);
  try {
    const JobLock lock(dir.path());
    FAIL("the lock was had twice");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::checkpoint);
    const std::string text = error.what();
    CHECK(text.find("process " + std::to_string(holder.pid())) != std::string::npos);
    CHECK(text.find("child: hold a lock") != std::string::npos);
    CHECK(text.find(dir.path().string()) != std::string::npos);
  }
  const auto owner = JobLock::owner(dir.path());
  REQUIRE(owner);
  CHECK(owner->pid == holder.pid());
}

TEST_CASE("a lock dies with its process, killed or not") {
  const test::TempDir dir;
  Holder holder(dir);
  REQUIRE(JobLock::owner(dir.path()));
  holder.kill();
  CHECK_FALSE(JobLock::owner(dir.path()));
  const JobLock lock(dir.path());
  CHECK(JobLock::owner(dir.path())->pid == ::getpid());
}

TEST_CASE("asking for the owner all the time never keeps a job from its lock") {
  const test::TempDir dir;
  std::jthread asker([&dir](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      JobLock::owner(dir.path());
    }
  });
  for (int i = 0; i < 200; ++i) {
    CHECK_NOTHROW(JobLock(dir.path()));
  }
}

TEST_CASE("locks of other names and directories do not meet") {
  const test::TempDir one;
  const test::TempDir two;
  const JobLock lock(one.path());
  CHECK_NOTHROW(JobLock(two.path()));
  CHECK_NOTHROW(JobLock(one.path(), "other.lock"));
}

TEST_CASE("a directory that is not there is an error of its own") {
  const test::TempDir dir;
  CHECK_THROWS_AS(JobLock(dir / "no"), Error);
  CHECK_FALSE(JobLock::owner(dir / "no"));
}

}  // namespace
}  // namespace pgstride
