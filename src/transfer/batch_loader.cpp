#include "transfer/batch_loader.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "format/csv_line.hpp"
#include "format/server_lines.hpp"
#include "transfer/copy_context.hpp"

namespace pgstride::transfer {

namespace {

constexpr const char* k_savepoint = "SAVEPOINT pgstride_batch";
constexpr const char* k_release = "RELEASE SAVEPOINT pgstride_batch";
constexpr const char* k_take_back = "ROLLBACK TO SAVEPOINT pgstride_batch";

constexpr const char* k_unique_violation = "23505";
constexpr const char* k_exclusion_violation = "23P01";
constexpr const char* k_foreign_key_violation = "23503";
constexpr const char* k_second_time = "21000";  // ON CONFLICT … can't affect a row a second time

// The row of [begin, end) that the server gives this number in a COPY of them; `end` if none.
std::size_t row_at(const RowBatch& batch, const format::RowDialect& dialect, std::size_t begin,
                   std::size_t end, std::int64_t line) {
  format::ServerLines lines(dialect, 0);
  for (auto row = begin; line > 0 && row < end; ++row) {
    lines.write(batch.slice(row, row + 1));
    if (line < lines.next()) {
      return row;
    }
  }
  return end;
}

// With the line that the source counts, which the server began to count with the statement.
Error in_source_lines(const Error& error, const RowBatch& batch, std::size_t bad) {
  Error out = error;
  return out.with_server(error.sqlstate(), error.detail(),
                         with_context_line(error.context(), batch.line(bad)), error.statement());
}

// The row as csv. None where it has not the fields of the table, or what our reader does not know.
std::optional<std::string> fields_line(const BatchStatements& statements, std::string_view row) {
  std::vector<std::string> lines;
  try {
    statements.each_row(row, [&](std::span<const format::Field> fields) {
      lines.push_back(format::csv_line(fields));
    });
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) {
      throw;
    }
    return std::nullopt;
  }
  return lines.size() == 1 ? std::optional(std::move(lines.front())) : std::nullopt;
}

std::string whole_line(std::string_view row, std::size_t columns) {
  if (row.ends_with('\n')) {
    row.remove_suffix(1);
  }
  std::vector<format::Field> fields(std::max<std::size_t>(columns, 1));
  fields.front() = row;
  return format::csv_line(fields);
}

Error conflict(const target::ConflictKey& key) {
  std::string columns;
  for (const auto& column : key.columns) {
    columns += (columns.empty() ? "" : ", ") + column;
  }
  Error error(ErrorKind::server, "the target has a row of the same key (" + columns + ")");
  return error.with_server(k_unique_violation, "", "", "");
}

}  // namespace

bool is_data_error(const Error& error) {
  const auto& state = error.sqlstate();
  return error.kind() == ErrorKind::server &&
         (state.starts_with("22") || state.starts_with("23") || state == "54000");
}

BatchLoader::BatchLoader(const BatchTools& tools)
    : m_tools(tools), m_statements(tools.connection, tools.way) {
  m_statements.prepare();
}

void BatchLoader::load(const RowBatch& batch) {
  for (std::size_t begin = 0; begin < batch.rows();) {
    const auto end = std::min(batch.rows(), begin + m_tools.size.rows());
    load(batch, {begin, end});
    begin = end;
  }
}

// In the order of the rows, so that of two with one key the later comes later.
void BatchLoader::load(const RowBatch& batch, Range range) {
  std::vector<Range> todo{range};
  while (!todo.empty()) {
    const auto next = todo.back();
    todo.pop_back();
    if (const auto error = attempt(batch, next)) {
      get_round(batch, next, *error, todo);
    } else {
      m_tools.size.went_well(next.rows());
    }
  }
}

void BatchLoader::get_round(const RowBatch& batch, Range range, const Error& error,
                            std::vector<Range>& todo) {
  const auto begin = range.begin;
  const auto end = range.end;
  const auto bad = row_at(batch, m_tools.way.dialect, begin, end, context_line(error.context()));
  const auto split = [&](std::size_t at) {
    todo.push_back({at, end});
    todo.push_back({begin, at});
  };
  if (takes_too_much(error)) {
    if (!m_tools.size.halve(range.rows())) {
      throw bad == end ? error : in_source_lines(error, batch, bad);
    }
    split(begin + range.rows() / 2);
  } else if (!may_reject(error)) {
    throw bad == end ? error : in_source_lines(error, batch, bad);
  } else if (range.rows() == 1) {
    reject(batch, begin, error);
  } else if (bad == end) {
    split(begin + range.rows() / 2);
  } else {
    // The rows before it are good as far as the server has looked; it comes by itself then.
    if (bad + 1 < end) {
      todo.push_back({bad + 1, end});
    }
    todo.push_back({bad, bad + 1});
    if (begin < bad) {
      todo.push_back({begin, bad});
    }
  }
}

// An error that leaves the connection usable is taken back and returned.
std::optional<Error> BatchLoader::attempt(const RowBatch& batch, Range range) {
  auto& connection = m_tools.connection;
  m_statements.ready();
  connection.exec(k_savepoint);
  std::optional<Error> error;
  BatchOutcome outcome;
  try {
    outcome = run(batch, range);
  } catch (const Error& thrown) {
    if (thrown.kind() != ErrorKind::server || thrown.poisons_connection() || !connection.usable()) {
      throw;
    }
    error = thrown;
    connection.exec(k_take_back);
  }
  connection.exec(k_release);
  if (!error) {
    add(outcome, batch, range);
  }
  return error;
}

BatchOutcome BatchLoader::run(const RowBatch& batch, Range range) {
  const auto bytes = batch.slice(range.begin, range.end);
  const auto rows = static_cast<std::int64_t>(range.rows());
  const bool can_look =
      m_tools.way.insert.key &&
      (m_tools.way.skip || m_tools.way.insert.clause != target::ConflictClause::none);
  if (!m_careful || !can_look) {
    try {
      if (auto outcome = m_statements.run(bytes, rows)) {
        return std::move(*outcome);
      }
    } catch (const Error& error) {
      const bool in_conflict = error.sqlstate() == k_second_time ||
                               (m_tools.way.skip && error.sqlstate() == k_unique_violation);
      if (!can_look || !in_conflict) {
        throw;
      }
    }
    m_tools.connection.exec(k_take_back);
    m_careful = true;
  }
  return m_statements.run_carefully(bytes, rows);
}

void BatchLoader::add(const BatchOutcome& outcome, const RowBatch& batch, Range range) {
  m_counts.rows += outcome.counts.rows;
  m_counts.ignored += outcome.counts.ignored;
  m_counts.superseded += outcome.counts.superseded;
  m_counts.updated += outcome.counts.updated;
  if (!outcome.conflicts.empty()) {
    const auto why = conflict(*m_tools.way.insert.key);
    for (const auto& row : outcome.conflicts) {
      m_tools.rejects->add(row.csv, why, batch.line(range.begin + row.number));
      ++m_counts.rejected;
    }
  }
}

void BatchLoader::reject(const RowBatch& batch, std::size_t row, const Error& error) {
  const auto bytes = batch.slice(row, row + 1);
  if (const auto line = fields_line(m_statements, bytes)) {
    m_tools.rejects->add(*line, error, batch.line(row));
  } else {
    auto why = error;
    m_tools.rejects->add(
        whole_line(bytes, m_tools.way.insert.columns.size()),
        why.with_server(error.sqlstate(),
                        "the row can't be taken apart: it stands whole in the first column",
                        error.context(), error.statement()),
        batch.line(row));
  }
  ++m_counts.rejected;
}

// What fewer rows may avoid: a time-out of ours, the server's memory or its limits, a lock. Not a
// deadlock: the locks of the chunk's earlier batches are a part of it, so the chunk is tried again.
bool BatchLoader::takes_too_much(const Error& error) const {
  const auto& state = error.sqlstate();
  return (state == "57014" && m_tools.timed) || state == "53200" || state == "53400" ||
         state == "55P03" || (state == "54000" && !m_tools.isolate);
}

bool BatchLoader::may_reject(const Error& error) const {
  if (m_tools.awaits_parents && error.sqlstate() == k_foreign_key_violation) {
    return false;
  }
  return m_tools.rejects != nullptr &&
         ((m_tools.isolate && is_data_error(error)) ||
          (m_tools.way.skip &&
           (error.sqlstate() == k_unique_violation || error.sqlstate() == k_exclusion_violation)));
}

}  // namespace pgstride::transfer
