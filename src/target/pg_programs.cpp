#include "target/pg_programs.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <fmt/format.h>

#include "base/child_process.hpp"
#include "pgstride/error.hpp"

namespace pgstride::target {

namespace {

namespace fs = std::filesystem;

bool runnable(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

// 0 if it does not tell.
int version_of(const fs::path& program, const std::stop_token& stop) {
  try {
    const auto end = run_child(
        {.argv = {program.string(), "--version"}, .environment = environment_without({})}, stop);
    return end.exit_code == 0 ? major_of(end.out) : 0;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::stopped) {
      throw;
    }
    return 0;
  }
}

std::vector<fs::path> likely_directories() {
  std::vector<fs::path> out;
  const char* path = std::getenv("PATH");
  std::istringstream parts(path == nullptr ? "" : path);
  for (std::string part; std::getline(parts, part, ':');) {
    if (!part.empty()) {
      out.emplace_back(part);
    }
  }
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    out.push_back(entry.path() / "bin");
  }
  for (const auto& entry : fs::directory_iterator("/usr", ignored)) {
    if (entry.path().filename().string().starts_with("pgsql-")) {
      out.push_back(entry.path() / "bin");
    }
  }
  out.emplace_back("/usr/local/pgsql/bin");
  return out;
}

PgPrograms pair_in(const fs::path& pg_dump, const std::stop_token& stop) {
  PgPrograms found{.pg_dump = pg_dump.string(),
                   .pg_restore = (pg_dump.parent_path() / "pg_restore").string(),
                   .major = 0};
  const int dump = version_of(found.pg_dump, stop);
  if (dump != 0 && runnable(found.pg_restore) && version_of(found.pg_restore, stop) == dump) {
    found.major = dump;
  }
  return found;
}

PgPrograms given_pair(const std::string& path, int server_major, const std::stop_token& stop) {
  const fs::path program = fs::is_directory(path) ? fs::path(path) / "pg_dump" : fs::path(path);
  if (!runnable(program)) {
    throw Error(ErrorKind::usage, fmt::format("--pg-dump {} is no program", path),
                "give the path of pg_dump, or of its folder");
  }
  auto pair = pair_in(fs::absolute(program), stop);
  if (pair.major == 0) {
    throw Error(ErrorKind::usage,
                fmt::format("--pg-dump {} is no pg_dump that has its pg_restore beside it", path),
                "give the path of pg_dump, or of its folder");
  }
  if (pair.major < server_major) {
    throw Error(ErrorKind::usage,
                fmt::format("--pg-dump {} is version {}, older than the source, which is "
                            "PostgreSQL {}",
                            path, pair.major, server_major),
                "pg_dump must be as new as the source");
  }
  return pair;
}

}  // namespace

int major_of(const std::string& version_line) {
  const std::string mark = "(PostgreSQL) ";
  const auto at = version_line.find(mark);
  int major = 0;
  if (at != std::string::npos) {
    std::from_chars(version_line.data() + at + mark.size(),
                    version_line.data() + version_line.size(), major);
  }
  return major;
}

PgPrograms find_pg_programs(const std::string& path, int server_major,
                            const std::stop_token& stop) {
  if (!path.empty()) {
    return given_pair(path, server_major, stop);
  }
  PgPrograms best;
  std::string found;
  for (const auto& directory : likely_directories()) {
    if (!runnable(directory / "pg_dump")) {
      continue;
    }
    auto pair = pair_in(directory / "pg_dump", stop);
    found += fmt::format("{}{} ({})", found.empty() ? "" : ", ", pair.pg_dump,
                         pair.major == 0 ? "without its pg_restore" : std::to_string(pair.major));
    if (pair.major >= server_major && (best.major == 0 || pair.major < best.major)) {
      best = std::move(pair);
    }
  }
  if (best.major == 0) {
    throw Error(ErrorKind::usage,
                fmt::format("no pg_dump of version {} or newer, as the source is; found: {}",
                            server_major, found.empty() ? "none" : found),
                fmt::format("install the client programs of PostgreSQL {} (Debian: "
                            "postgresql-client-{}), or give --pg-dump PATH",
                            server_major, server_major));
  }
  return best;
}

}  // namespace pgstride::target
