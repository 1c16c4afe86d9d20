// What an import reads: the files with what is known of them, and the tables that they go into.
// Functions; the job's thread.
#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "archive/manifest.hpp"
#include "checkpoint/checkpoint_store.hpp"
#include "job/job.hpp"

namespace pgstride::job {

/// How rows stand in the files of a job.
struct RowShape {
  Format format = Format::csv;
  std::string copy_options;  ///< of COPY … FROM, further ones than FORMAT
  char delimiter = ',';
  std::string null;
};

/// The chunks of one table.
struct InputTable {
  Table table;
  std::vector<Chunk> chunks;
};

/// What a plan finds.
struct InputPlan {
  RowShape shape;
  std::vector<InputTable> tables;
  std::vector<checkpoint::InputRecord> inputs;
};

/// An export of ours, from its manifest.
class ExportedFiles {
 public:
  /// Throws Error as archive::read_manifest().
  explicit ExportedFiles(const std::filesystem::path& directory);

  /// The tables that the patterns name (none: all). Throws Error (usage) where none does, or for an
  /// export that can't be loaded.
  [[nodiscard]] InputPlan plan(const std::vector<std::string>& patterns) const;
  [[nodiscard]] RowShape shape() const;
  [[nodiscard]] const archive::ManifestHead& head() const { return m_manifest.head; }
  /// By its name in the manifest. Throws Error (internal) if it is not there.
  [[nodiscard]] const archive::ManifestFile& file(const std::string& name) const;

 private:
  std::filesystem::path m_directory;
  archive::Manifest m_manifest;
  std::unordered_map<std::string, const archive::ManifestFile*> m_files;
};

/// A file as it is now. With `hash` all of it is read. Throws Error (io).
checkpoint::InputRecord look_at_file(const std::filesystem::path& path, bool hash);

/// Throws Error (identity), naming it, for a file that is not as it was planned.
void check_inputs(const std::vector<checkpoint::InputRecord>& inputs);

}  // namespace pgstride::job
