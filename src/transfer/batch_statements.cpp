#include "transfer/batch_statements.hpp"

#include <utility>

#include <fmt/format.h>

#include "pg/copy_reader.hpp"
#include "pg/copy_writer.hpp"

namespace pgstride::transfer {

namespace {

// Rows of one INSERT … VALUES: the server's parser takes some hundred bytes for each value of a
// statement. A guess, other numbers were not measured.
constexpr std::size_t k_insert_rows = 500;

[[noreturn]] void throw_dropped(const target::TableName& table, std::int64_t rows,
                                std::int64_t written) {
  throw Error(ErrorKind::server,
              fmt::format("{} took {} of {} rows, so a trigger or a rule there drops some",
                          table.display(), written, rows),
              "disable it, or load with --disable-triggers");
}

}  // namespace

BatchStatements::BatchStatements(pg::Connection& connection, const LoadWay& way)
    : m_connection(connection), m_way(way) {}

void BatchStatements::prepare() {
  m_staged = false;
  if (m_way.staged) {
    m_connection.exec(m_way.staged->create);
  }
}

std::optional<BatchOutcome> BatchStatements::run(std::string_view bytes, std::int64_t rows) {
  std::int64_t written = rows;
  switch (m_way.kind) {
  case LoadKind::copy:
    copy(m_way.table_sql, bytes, rows);
    break;
  case LoadKind::insert:
    written = insert(bytes);
    break;
  case LoadKind::stage:
    fill_stage(bytes, rows);
    written = m_connection.exec(m_way.staged->merge).affected();
    break;
  }
  if (written == rows) {
    return BatchOutcome{{.rows = rows}, {}};
  }
  if (m_way.kind == LoadKind::copy || !m_way.staged->may_ignore) {
    throw_dropped(m_way.insert.target->name, rows, written);
  }
  if (!m_way.insert.key) {
    return BatchOutcome{{.rows = written, .ignored = rows - written}, {}};
  }
  return std::nullopt;
}

BatchOutcome BatchStatements::run_carefully(std::string_view bytes, std::int64_t rows) {
  BatchOutcome out;
  fill_stage(bytes, rows);
  out.counts.superseded = m_connection.exec(m_way.staged->drop_duplicates).affected();
  if (m_way.skip) {
    pg::CopyReader conflicts(m_connection, fmt::format("COPY ({}) TO STDOUT WITH (FORMAT csv)",
                                                       m_way.staged->take_conflicts));
    while (const auto row = conflicts.next()) {
      out.conflicts.emplace_back(*row);
    }
  }
  out.counts.rows = m_connection.exec(m_way.staged->merge).affected();
  const auto left = rows - out.counts.superseded - static_cast<std::int64_t>(out.conflicts.size());
  if (out.counts.rows != left && !m_way.staged->may_ignore) {
    throw_dropped(m_way.insert.target->name, left, out.counts.rows);
  }
  out.counts.ignored = left - out.counts.rows;
  return out;
}

void BatchStatements::fill_stage(std::string_view bytes, std::int64_t rows) {
  if (std::exchange(m_staged, true)) {
    m_connection.exec("TRUNCATE " + m_way.staged->stage.quoted());
  }
  copy(m_way.stage_sql, bytes, rows);
}

void BatchStatements::copy(const std::string& sql, std::string_view bytes, std::int64_t rows) {
  pg::CopyWriter writer(m_connection, sql);
  constexpr std::size_t k_piece = pg::CopyWriter::k_message_bytes;
  for (std::size_t at = 0; at < bytes.size(); at += k_piece) {
    writer.write(bytes.substr(at, k_piece));
  }
  const auto taken = writer.finish();
  if (taken != rows) {
    throw_dropped(m_way.insert.target->name, rows, taken);
  }
}

std::int64_t BatchStatements::insert(std::string_view bytes) {
  std::string values;  // never longer than the text they were taken out of
  values.reserve(bytes.size());
  std::vector<std::vector<target::Value>> rows;
  std::int64_t written = 0;
  const auto send = [&] {
    if (!rows.empty()) {
      written += m_connection.exec(target::insert_statement(m_way.insert, rows)).affected();
      rows.clear();
      values.clear();
    }
  };
  each_row(bytes, [&](std::span<const format::Field> fields) {
    auto& row = rows.emplace_back();
    for (const auto& field : fields) {
      if (!field) {
        row.emplace_back();
        continue;
      }
      const auto begin = values.size();
      values.append(*field);
      row.emplace_back(std::string_view(values).substr(begin));
    }
    if (rows.size() == k_insert_rows) {
      send();
    }
  });
  send();
  return written;
}

void BatchStatements::each_row(std::string_view bytes, const format::RowSink& sink) const {
  const auto reader = format::make_row_reader(m_way.rows, sink);
  reader->write(bytes);
  reader->finish();
}

}  // namespace pgstride::transfer
