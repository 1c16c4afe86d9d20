#include "transfer/batch_statements.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pg/copy_reader.hpp"
#include "pg/copy_writer.hpp"
#include "pg/quote.hpp"

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

// A trigger that gives rows another key hides what was ignored as one does that drops them.
[[noreturn]] void throw_unaccounted(const target::TableName& table, std::int64_t rows,
                                    std::int64_t unaccounted) {
  throw Error(
      ErrorKind::server,
      fmt::format("of {} rows for {}, {} neither came nor met one of their key, so a trigger "
                  "or a rule there drops some, or changes their keys",
                  rows, table.display(), unaccounted),
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
  LoadCounts written{.rows = rows};
  switch (m_way.kind) {
  case LoadKind::copy:
    copy(m_way.table_sql, bytes, rows);
    break;
  case LoadKind::insert:
    written = insert(bytes);
    break;
  case LoadKind::stage:
    fill_stage(bytes, rows);
    written = write(m_way.staged->merge);
    break;
  }
  if (written.rows == rows) {
    return BatchOutcome{written, {}};
  }
  if (m_way.kind == LoadKind::copy || !m_way.staged->may_ignore) {
    throw_dropped(m_way.insert.target->name, rows, written.rows);
  }
  if (!m_way.insert.key) {
    if (m_way.insert.target->unique_indexes.empty()) {
      throw_dropped(m_way.insert.target->name, rows, written.rows);
    }
    written.ignored = rows - written.rows;
    return BatchOutcome{written, {}};
  }
  return std::nullopt;
}

// One INSERT.
LoadCounts BatchStatements::write(const std::string& insert) {
  if (!target::updates_rows(m_way.insert)) {
    return {.rows = m_connection.exec(insert).affected()};
  }
  LoadCounts counts;
  if (const auto counting = target::counting_updates(m_way.insert, insert); !counting.empty()) {
    const auto found = m_connection.exec(counting);
    counts.rows = found.int64(0, 0);
    counts.updated = found.int64(0, 1);
  } else {
    counts.rows = counts.updated = m_connection.exec(insert).affected();
  }
  return counts;
}

BatchOutcome BatchStatements::run_carefully(std::string_view bytes, std::int64_t rows) {
  BatchOutcome out;
  fill_stage(bytes, rows);
  const auto first = m_way.skip ? m_connection.exec(m_way.staged->first_row).int64(0, 0) : 0;
  out.counts.superseded = m_connection.exec(m_way.staged->drop_duplicates).affected();
  if (m_way.skip) {
    out.conflicts = take_conflicts(first);
  }
  const auto superseded = out.counts.superseded;
  out.counts = write(m_way.staged->merge);
  out.counts.superseded = superseded;
  const auto left = rows - superseded - static_cast<std::int64_t>(out.conflicts.size());
  if (out.counts.rows != left && !m_way.staged->may_ignore) {
    throw_dropped(m_way.insert.target->name, left, out.counts.rows);
  }
  out.counts.ignored = left - out.counts.rows;
  if (out.counts.ignored > 0 && !m_way.staged->count_dropped.empty()) {
    const auto dropped = m_connection.exec(m_way.staged->count_dropped).int64(0, 0);
    if (dropped > 0) {
      throw_unaccounted(m_way.insert.target->name, left, dropped);
    }
  }
  return out;
}

// In the order of the batch.
std::vector<ConflictingRow> BatchStatements::take_conflicts(std::int64_t first_row) {
  std::vector<ConflictingRow> taken;
  pg::CopyReader rows(m_connection, fmt::format("COPY ({}) TO STDOUT WITH (FORMAT csv)",
                                                m_way.staged->take_conflicts));
  while (const auto row = rows.next()) {
    const auto comma = row->find(',');
    const auto number = std::stoll(std::string(row->substr(0, comma))) - first_row;
    taken.push_back({std::string(row->substr(comma + 1)), static_cast<std::size_t>(number)});
  }
  std::sort(taken.begin(), taken.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return taken;
}

void BatchStatements::fill_stage(std::string_view bytes, std::int64_t rows) {
  m_staged = true;
  copy(m_way.stage_sql, bytes, rows);
}

// TRUNCATE makes a new file each time, which the server keeps to the transaction's end. DELETE
// leaves the rows where they are, as does what is taken back, so it is for those of a few tries.
void BatchStatements::ready() {
  if (!std::exchange(m_staged, false)) {
    return;
  }
  constexpr std::int64_t k_few_bytes = 256 << 10;
  const auto name = m_way.staged->stage.quoted();
  const auto size = m_connection.exec(
      fmt::format("SELECT pg_catalog.pg_relation_size({})", pg::quote_literal(name)));
  m_connection.exec((size.int64(0, 0) > k_few_bytes ? "TRUNCATE " : "DELETE FROM ") + name);
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

LoadCounts BatchStatements::insert(std::string_view bytes) {
  std::string values;  // never longer than the text they were taken out of
  values.reserve(bytes.size());
  std::vector<std::vector<target::Value>> rows;
  LoadCounts written;
  const auto send = [&] {
    if (!rows.empty()) {
      const auto part = write(target::insert_statement(m_way.insert, rows));
      written.rows += part.rows;
      written.updated += part.updated;
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
