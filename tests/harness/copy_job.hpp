// A copy into one or more databases, or an import of files that hold the source's rows, as the
// tests drive it, and the comparison of its tables with the source's. One thread.
#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/job_status.hpp"
#include "harness/load_back.hpp"
#include "harness/table_kinds.hpp"
#include "support/run_program.hpp"

namespace pgstride::test {

struct CopyJob {
  std::string source;
  std::vector<std::string> targets;
  std::filesystem::path directory;
  std::vector<TableKind> kinds;
  std::vector<std::string> options = {"--chunk-rows", "200", "-j", "3"};
  /// Given to `copy` and to `resume`.
  std::vector<std::string> run_options = {};
  /// Set for an import: the files that hold the source's rows, and what they look like.
  std::filesystem::path from = {};
  std::vector<std::string> input = {};

  /// `copy …` or `import …`, which begins the job or goes on with it.
  [[nodiscard]] Arguments copy_command(const std::vector<std::string>& more = {}) const;
  /// `resume DIR`.
  [[nodiscard]] Arguments resume_command(const std::vector<std::string>& more = {}) const;
  /// Runs to its end, whatever that is.
  [[nodiscard]] Ended run_copy(const Environment& environment = {}) const;
  [[nodiscard]] Ended run_resume(const std::vector<std::string>& more = {},
                                 const Environment& environment = {}) const;
  [[nodiscard]] Json status(bool with_chunks = false) const {
    return job_status(directory, with_chunks);
  }
  [[nodiscard]] bool is_planned() const { return job_is_planned(directory); }
  [[nodiscard]] bool has_slot() const {
    return std::find(options.begin(), options.end(), "--slot") != options.end();
  }
};

/// The kinds' tables as create_tables() makes them, but empty and without any unique index or other
/// constraint but NOT NULL, so that nothing hides a row that comes twice.
void create_target_tables(PgSession& session, const std::vector<TableKind>& kinds, long rows);

/// Rows as text, long ones cut and hashed, with how often each is there.
using RowCounts = std::map<std::string, long>;
/// An expression for such a text, of an expression for a row's text.
std::string row_text(const std::string& text);
/// Of a query that gives text and count.
RowCounts row_counts(PgSession& session, const std::string& sql);
void compare_rows(const RowCounts& expected, const RowCounts& found, const std::string& what,
                  Problems& problems);

/// The tables have the same rows in both databases, each as often.
void compare_tables(PgSession& source, PgSession& target, const std::vector<TableKind>& kinds,
                    Problems& problems);

/// Killed at a step, then run again, which may come to it or be done, then run to its end; what of
/// this was not so. The rows are not looked at.
Problems run_killed_at(const CopyJob& job, const std::string& step);

/// What must be so at the end of a copy, but for its rows: no ledger left behind, all done.
Problems check_end(const CopyJob& job);
/// The whole check of a finished copy of a source at rest.
Problems check_copy(const CopyJob& job);

}  // namespace pgstride::test
