#ifdef PGSTRIDE_CRASH_POINTS

#include "base/crash_point.hpp"

#include <doctest/doctest.h>

#include <csignal>

#include "base/durable_file.hpp"
#include "run_self.hpp"
#include "support/temp_dir.hpp"

namespace pgstride {
namespace {

namespace fs = std::filesystem;

TEST_CASE("child: three files" * doctest::skip()) {
  const fs::path directory = test::variable("TEST_DIRECTORY");
  for (const char* name : {"1", "2", "3"}) {
    DurableFile file(directory / name);
    file.write("whole");
    file.commit();
  }
}

int crash_at(const test::TempDir& dir, const std::string& step) {
  return test::wait_for(
      test::start_self("child: three files",
                       {{"TEST_DIRECTORY", dir.path().string()}, {"PGSTRIDE_CRASH_AT", step}}));
}

bool killed(int status) {
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

TEST_CASE("a kill before the rename leaves a part, never a file") {
  for (const char* step : {"file_part_written", "file_synced"}) {
    const test::TempDir dir;
    CHECK(killed(crash_at(dir, step)));
    CHECK(fs::exists(dir / "1.part"));
    CHECK_FALSE(fs::exists(dir / "1"));
  }
}

TEST_CASE("a kill after the rename leaves the whole file") {
  const test::TempDir dir;
  CHECK(killed(crash_at(dir, "file_renamed")));
  CHECK(test::read_text(dir / "1") == "whole");
  CHECK_FALSE(fs::exists(dir / "1.part"));
}

TEST_CASE("a step with a number kills at that time, other steps not at all") {
  const test::TempDir dir;
  CHECK(killed(crash_at(dir, "file_synced:3")));
  CHECK(fs::exists(dir / "2"));
  CHECK_FALSE(fs::exists(dir / "3"));
  const test::TempDir other;
  const int status = crash_at(other, "no_such_step");
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(fs::exists(other / "3"));
}

}  // namespace
}  // namespace pgstride

#endif
