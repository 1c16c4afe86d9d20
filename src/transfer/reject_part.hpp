// The rejected rows of one chunk on one target: durable before the chunk's commit, and counted only
// if that comes through, as its entry in the book says how many there are. Belongs to one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/durable_file.hpp"
#include "pgstride/error.hpp"
#include "transfer/reject_budget.hpp"

namespace pgstride::transfer {

/// Of a chunk on a target, both csv with a header: its rows, and in step with them what was wrong.
struct RejectPaths {
  std::filesystem::path rows;
  std::filesystem::path errors;
};
/// The folder of all parts, which the end of a run joins.
std::filesystem::path reject_parts(const std::filesystem::path& directory);
RejectPaths reject_part(const std::filesystem::path& directory, std::int64_t chunk_id,
                        std::int64_t target_id);

class RejectPart {
 public:
  /// Nothing is written before the first row. `label`: `public.orders chunk 42`; `file`: that the
  /// rows come from, or empty; `columns`: what a row has. The budget outlives this.
  RejectPart(std::filesystem::path directory, std::string label, std::string file,
             std::vector<std::string> columns, std::int64_t chunk_id, std::int64_t target_id,
             RejectBudget& budget);

  /// `row`: a line of csv with its end; `line`: of the file, where it began. Throws Error: server
  /// where it is one more than
  /// --reject-limit allows; io.
  void add(std::string_view row, const Error& why, std::int64_t line);
  /// Makes both files durable, if there are rows. Throws Error (io).
  void commit();

  [[nodiscard]] std::int64_t rows() const { return m_rows; }

 private:
  std::filesystem::path m_directory;
  std::string m_label;
  std::string m_file;
  std::vector<std::string> m_columns;
  std::int64_t m_chunk_id;
  std::int64_t m_target_id;
  RejectBudget& m_budget;
  std::int64_t m_rows = 0;
  std::optional<DurableFile> m_rows_file;
  std::optional<DurableFile> m_errors_file;
};

}  // namespace pgstride::transfer
