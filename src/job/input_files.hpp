// What an import reads: an export of ours or anybody's files, and which tables they go into.
// Belongs to the job's thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint_store.hpp"
#include "job/job.hpp"
#include "transfer/task.hpp"

namespace pgstride::job {

/// How rows stand in the files of a job.
struct RowShape {
  Format format = Format::csv;
  std::string copy_options;  ///< of COPY … FROM, further ones than FORMAT
  char delimiter = ',';
  char quote = '"';   ///< of csv
  char escape = '"';  ///< of csv
  std::string null;
  bool known_dialect = true;  ///< format::RowReader reads it, but for what COPY does not write
  bool written_by_copy = true;
  /// Of the server that wrote them, as PQserverVersion; 0: not known.
  int server_version = 0;
};

/// The chunks of one table.
struct InputTable {
  Table table;
  std::vector<Chunk> chunks;
};

/// What a plan finds.
struct InputPlan {
  std::vector<InputTable> tables;
  std::vector<checkpoint::InputRecord> inputs;  ///< that must stay as they are
};

class InputFiles {
 public:
  virtual ~InputFiles() = default;
  [[nodiscard]] virtual RowShape shape() const = 0;
  /// Tables and chunks of a new job. Throws Error: usage where nothing fits; io.
  [[nodiscard]] virtual InputPlan plan(Job& job) const = 0;
  /// Before a transfer of a planned job: throws Error (identity) for what is not as it was planned.
  virtual void check(Job& job) = 0;
  /// What the files tell of where their rows come from.
  virtual void describe(checkpoint::JobRecord& record) const = 0;
  /// Where a chunk's bytes are, but for its bounds.
  virtual void locate(transfer::FileRange& range, const Chunk& chunk) const = 0;
};

/// As `job.from` and `job.input` say. Throws Error: usage, io.
std::unique_ptr<InputFiles> open_input_files(const Job& job);

/// A file as it is now. With `hash` all of it is read. Throws Error (io).
checkpoint::InputRecord look_at_file(const std::filesystem::path& path, bool hash);

/// Throws Error (identity), naming it, for a file that is not as it was planned.
void check_inputs(const std::vector<checkpoint::InputRecord>& inputs);

}  // namespace pgstride::job
