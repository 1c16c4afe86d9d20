#include "support/run_program.hpp"

#include <doctest/doctest.h>

#include <csignal>

using namespace pgstride::test;

TEST_CASE("A program's exit code, output, environment and input are what it saw") {
  const auto ended =
      Process({"sh", "-c", "cat; echo \"$A\" >&2; exit 7"}, {{"A", "x"}}, "in").wait();
  CHECK(ended.code == 7);
  CHECK(ended.out == "in");
  CHECK(ended.err == "x\n");
}

TEST_CASE("A signal that ends a program is told") {
  Process sleeper({"sleep", "600"});
  CHECK_FALSE(sleeper.ends_within(std::chrono::milliseconds(20)));
  sleeper.kill(SIGTERM);
  const auto ended = sleeper.wait();
  CHECK_FALSE(ended.code.has_value());
  CHECK(ended.signal == SIGTERM);
  CHECK(ended.peak_kb > 0);
}

TEST_CASE("A program that does not end is an exception, not a hang") {
  Process sleeper({"sleep", "600"});
  CHECK_THROWS(sleeper.wait(std::chrono::seconds(0)));
}

TEST_CASE("A small file system is really full, and takes more once it is enlarged") {
  auto small = SmallFileSystem::mount(1 << 20);
  if (!small) {
    MESSAGE("SKIPPED: no right to mount a tmpfs here");
    return;
  }
  const std::string two_mb(2 << 20, 'x');
  CHECK_THROWS(write_text(small->path() / "file", two_mb));
  small->resize(4 << 20);
  write_text(small->path() / "file", two_mb);
  CHECK(read_text(small->path() / "file") == two_mb);
}
