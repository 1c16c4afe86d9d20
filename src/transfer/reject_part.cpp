#include "transfer/reject_part.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "format/csv_line.hpp"
#include "transfer/copy_context.hpp"

namespace pgstride::transfer {

std::filesystem::path reject_parts(const std::filesystem::path& directory) {
  return directory / "rejects" / "parts";
}

RejectPaths reject_part(const std::filesystem::path& directory, std::int64_t chunk_id,
                        std::int64_t target_id) {
  const auto name = fmt::format("{}.{}", target_id, chunk_id);
  const auto parts = reject_parts(directory);
  return {parts / (name + ".csv"), parts / (name + ".errors.csv")};
}

RejectPart::RejectPart(std::filesystem::path directory, std::string label, std::string file,
                       std::vector<std::string> columns, std::int64_t chunk_id,
                       std::int64_t target_id, RejectBudget& budget)
    : m_directory(std::move(directory)), m_label(std::move(label)), m_file(std::move(file)),
      m_columns(std::move(columns)), m_chunk_id(chunk_id), m_target_id(target_id),
      m_budget(budget) {}

void RejectPart::add(std::string_view row, const Error& why, std::int64_t line) {
  const auto in_file = m_file.empty() ? std::string() : std::to_string(line);
  if (!m_budget.set(m_chunk_id, m_target_id, m_rows + 1)) {
    throw Error(ErrorKind::server,
                fmt::format("more rows are rejected than --reject-limit {} allows; the next{}: {}",
                            *m_budget.limit(), m_file.empty() ? "" : ", line " + in_file,
                            why.what()),
                "mend the rows, or allow more; nothing of this chunk is loaded");
  }
  ++m_rows;
  if (!m_rows_file) {
    make_directories(reject_parts(m_directory));
    const auto paths = reject_part(m_directory, m_chunk_id, m_target_id);
    m_rows_file.emplace(paths.rows);
    m_rows_file->write(format::csv_line(m_columns));
    m_errors_file.emplace(paths.errors);
    m_errors_file->write(format::csv_line(
        {"chunk", "target", "sqlstate", "column", "message", "detail", "file", "line"}));
  }
  m_rows_file->write(row);
  m_errors_file->write(
      format::csv_line({m_label, std::to_string(m_target_id), why.sqlstate(),
                        context_column(why.context()), why.what(), why.detail(), m_file, in_file}));
}

void RejectPart::commit() {
  if (m_rows_file) {
    m_rows_file->commit();
    m_errors_file->commit();
    crash_point("rejects_written");
  }
}

}  // namespace pgstride::transfer
