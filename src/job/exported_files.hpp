// An export of ours as the files of an import: its manifest says all of them. Thread rule of
// input_files.hpp.
#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>

#include "archive/manifest.hpp"
#include "job/input_files.hpp"

namespace pgstride::job {

class ExportedFiles final : public InputFiles {
 public:
  /// Throws Error as archive::read_manifest().
  explicit ExportedFiles(const std::filesystem::path& directory);

  [[nodiscard]] RowShape shape() const override;
  /// The tables that `job.select` names by patterns; none: all.
  [[nodiscard]] InputPlan plan(Job& job) const override;
  void check(Job& job) override { check_inputs(job.store->inputs()); }
  void describe(checkpoint::JobRecord& record) const override;
  void locate(transfer::FileRange& range, const Chunk& chunk) const override;

 private:
  void check_entries() const;
  [[nodiscard]] const archive::ManifestFile& file(const std::string& name) const;

  std::filesystem::path m_directory;
  archive::Manifest m_manifest;
  std::unordered_map<std::string, const archive::ManifestFile*> m_files;  ///< by name
};

}  // namespace pgstride::job
