// An export as the tests drive it: started, killed, resumed by one of the two ways, until done. One
// thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/load_back.hpp"
#include "harness/table_kinds.hpp"
#include "support/run_program.hpp"

namespace pgstride::test {

struct ExportJob {
  std::string conninfo;
  std::filesystem::path directory;
  std::vector<TableKind> kinds;
  std::vector<std::string> options = {"--chunk-rows", "200", "-j", "3"};

  /// `export …`, which begins the job or goes on with it.
  [[nodiscard]] Arguments export_command() const;
  /// `resume DIR`.
  [[nodiscard]] Arguments resume_command(const std::vector<std::string>& more = {}) const;
  /// Runs to its end, whatever that is.
  [[nodiscard]] Ended run_export(const Environment& environment = {}) const;
  [[nodiscard]] Ended run_resume(const std::vector<std::string>& more = {}) const;
  /// `status DIR --json`; throws if that fails.
  [[nodiscard]] Json status(bool with_chunks = false) const;
  /// The status, once there is a job to tell of.
  [[nodiscard]] std::optional<Json> status_if_any() const;
  /// True once its plan is stored, so that there is something to resume.
  [[nodiscard]] bool is_planned() const;
  /// True once more than so many chunks are done.
  [[nodiscard]] bool has_done(long chunks) const;
};

}  // namespace pgstride::test
