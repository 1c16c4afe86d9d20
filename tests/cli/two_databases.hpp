// A copy between two new databases of the command-line tests' server. One thread.
#pragma once

#include <string>
#include <vector>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

namespace pgstride::test {

struct TwoDatabases {
  std::string source_name = cli_cluster().create_database("from");
  std::string target_name = cli_cluster().create_database("into");
  TempDir dir;
  CopyJob job;

  TwoDatabases(const std::string& source_sql, const std::string& target_sql,
               const std::vector<std::string>& options = {"-j", "1"}) {
    job.source = cli_cluster().conninfo(source_name);
    job.targets = {cli_cluster().conninfo(target_name)};
    job.directory = dir / "job";
    job.options = options;
    pg_exec(job.source, source_sql);
    pg_exec(job.targets[0], target_sql);
  }

  [[nodiscard]] Ended copy(const std::vector<std::string>& more = {}) const {
    return run(job.copy_command(more));
  }
  [[nodiscard]] std::string here(const std::string& sql) const { return pg_exec(job.source, sql); }
  [[nodiscard]] std::string there(const std::string& sql) const {
    return pg_exec(job.targets[0], sql);
  }
};

inline bool says(const Ended& ended, const std::string& text) {
  return ended.text().find(text) != std::string::npos;
}

}  // namespace pgstride::test
