#include "confirm_restart.hpp"

#include <iostream>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "human.hpp"
#include "pgstride/error.hpp"
#include "pgstride/job.hpp"

namespace pgstride::cli {

namespace {

std::string what_stands_there(const std::filesystem::path& directory) {
  try {
    const JobStatus status = job_status(directory, false);
    return fmt::format("the job in {} is {}, with {} of {} and {} rows", directory.string(),
                       status.state, count_text(status.chunks_done),
                       counted(status.chunks_total, "chunk"), count_text(status.rows));
  } catch (const Error& error) {
    // A job that can't be read is a good reason to start again.
    return fmt::format("the job in {} can't be read ({})", directory.string(), error.what());
  }
}

}  // namespace

void confirm_restart(const std::filesystem::path& directory, Screen& screen) {
  const bool asks = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
  if (!asks) {
    throw Error(ErrorKind::usage,
                fmt::format("--restart would discard what {} holds", directory.string()),
                "there is no terminal to ask on: add --yes if that is meant");
  }
  std::error_code ignored;
  if (!std::filesystem::exists(directory / "checkpoint.db", ignored)) {
    return;
  }
  screen.print(fmt::format("pgstride: {}\nDiscard it and start again? Type yes:",
                           printable_lines(what_stands_there(directory))));
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != "yes" && answer != "y") {
    throw Error(ErrorKind::usage, "nothing was discarded",
                "without --restart the job goes on where it stands");
  }
}

}  // namespace pgstride::cli
