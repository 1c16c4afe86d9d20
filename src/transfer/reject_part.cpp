#include "transfer/reject_part.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "format/csv_line.hpp"

namespace pgstride::transfer {

namespace {

// `COPY orders, line 3, column amount: "x"` names the column of a value that can't be read; other
// errors carry it in their own fields, and what they say names it.
std::string column_of(const std::string& context) {
  constexpr std::string_view k_mark = ", column ";
  const auto line = context.substr(0, context.find('\n'));
  const auto mark = line.find(k_mark);
  if (!line.starts_with("COPY ") || mark == std::string::npos) {
    return "";
  }
  const auto begin = mark + k_mark.size();
  return line.substr(begin, line.find(':', begin) - begin);
}

}  // namespace

std::filesystem::path reject_parts(const std::filesystem::path& directory) {
  return directory / "rejects" / "parts";
}

RejectPaths reject_part(const std::filesystem::path& directory, std::int64_t chunk_id,
                        std::int64_t target_id) {
  const auto name = fmt::format("{}.{}", target_id, chunk_id);
  const auto parts = reject_parts(directory);
  return {parts / (name + ".csv"), parts / (name + ".errors.csv")};
}

RejectPart::RejectPart(std::filesystem::path directory, std::string label,
                       std::vector<std::string> columns, std::int64_t chunk_id,
                       std::int64_t target_id, RejectBudget& budget)
    : m_directory(std::move(directory)), m_label(std::move(label)), m_columns(std::move(columns)),
      m_chunk_id(chunk_id), m_target_id(target_id), m_budget(budget) {}

void RejectPart::add(std::string_view row, const Error& why) {
  if (!m_budget.set(m_chunk_id, m_target_id, m_rows + 1)) {
    throw Error(ErrorKind::server,
                fmt::format("more rows are rejected than --reject-limit {} allows; the next: {}",
                            *m_budget.limit(), why.what()),
                "mend the rows, or allow more; nothing of this chunk is loaded");
  }
  ++m_rows;
  if (!m_rows_file) {
    make_directories(reject_parts(m_directory));
    const auto paths = reject_part(m_directory, m_chunk_id, m_target_id);
    m_rows_file.emplace(paths.rows);
    m_rows_file->write(format::csv_line(m_columns));
    m_errors_file.emplace(paths.errors);
    m_errors_file->write(
        format::csv_line({"chunk", "target", "sqlstate", "column", "message", "detail"}));
  }
  m_rows_file->write(row);
  m_errors_file->write(format::csv_line({m_label, std::to_string(m_target_id), why.sqlstate(),
                                         column_of(why.context()), why.what(), why.detail()}));
}

void RejectPart::commit() {
  if (m_rows_file) {
    m_rows_file->commit();
    m_errors_file->commit();
    crash_point("rejects_written");
  }
}

}  // namespace pgstride::transfer
