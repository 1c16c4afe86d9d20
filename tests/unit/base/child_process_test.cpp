#include "base/child_process.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "pgstride/error.hpp"

namespace pgstride {
namespace {

ChildStart shell(const std::string& script) {
  return {.argv = {"/bin/sh", "-c", script}, .environment = environment_without({})};
}

TEST_CASE("What a program writes and how it ends comes back, however much it is") {
  const auto end = run_child(shell("i=0; while [ $i -lt 20000 ]; do echo 0123456789; "
                                   "echo abcdefghij >&2; i=$((i + 1)); done; exit 3"),
                             {});
  CHECK(end.exit_code == 3);
  CHECK(end.signal == 0);
  CHECK(end.out.size() == 220'000);
  CHECK(end.err.size() == 220'000);
  CHECK(end.err.starts_with("abcdefghij\n"));
}

TEST_CASE("A program that a signal ends says which") {
  const auto end = run_child(shell("kill -9 $$"), {});
  CHECK(end.exit_code == -1);
  CHECK(end.signal == SIGKILL);
}

TEST_CASE("A program has the arguments and the environment that it is given, and no input") {
  const auto end =
      run_child({.argv = {"/bin/sh", "-c", "cat; echo \"$0|$1|$A|$HOME\"", "a b", "$c;'"},
                 .environment = {"A=x y", "PATH=/bin:/usr/bin"}},
                {});
  CHECK(end.out == "a b|$c;'|x y|\n");
  ::setenv("PGSTRIDE_TEST_A", "1", 1);
  const auto with = environment_without({});
  const auto without = environment_without({"PGSTRIDE_TEST_A"});
  CHECK(std::count(with.begin(), with.end(), "PGSTRIDE_TEST_A=1") == 1);
  CHECK(without.size() == with.size() - 1);
}

TEST_CASE("A program that is not there is an error with its name") {
  try {
    run_child({.argv = {"/nowhere/program"}, .environment = {}}, {});
    FAIL("it ran");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "can't run /nowhere/program: No such file or directory");
  }
}

TEST_CASE("A stop ends a running program") {
  std::stop_source stop;
  std::jthread asker([&] { stop.request_stop(); });
  const auto start = std::chrono::steady_clock::now();
  CHECK_THROWS_AS(run_child(shell("sleep 60"), stop.get_token()), Error);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(30));
}

}  // namespace
}  // namespace pgstride
