#include "plan_text.hpp"

#include <set>

#include <fmt/format.h>

#include "human.hpp"
#include "text_table.hpp"
#include "words.hpp"

namespace pgstride::cli {

namespace {

std::string shown_name(const Table& table) {
  const std::string name = printable(table.display_name());
  return table.is_leaf() ? fmt::format("{} ({})", name, printable(table.leaf_display_name()))
                         : name;
}

std::string shown_key(const Table& table) {
  const std::string columns = printable(key_columns(table));
  return columns.empty() ? "-" : columns;
}

/// `3 tables (12 leaf partitions)`: a parent counts once.
std::string counted_tables(const std::vector<PlannedTable>& tables) {
  std::set<std::pair<std::string, std::string>> parents;
  std::int64_t leaves = 0;
  std::int64_t partitions = 0;
  for (const PlannedTable& planned : tables) {
    parents.emplace(planned.table.schema, planned.table.name);
    leaves += planned.table.is_leaf() ? 1 : 0;
    partitions += planned.table.kind == RelationKind::leaf_partition ? 1 : 0;
  }
  const std::string counted_parents = counted(static_cast<std::int64_t>(parents.size()), "table");
  return leaves == 0 ? counted_parents
                     : fmt::format("{} ({})", counted_parents,
                                   leaves == partitions ? counted(leaves, "leaf partition")
                                                        : counted(leaves, "leaf table"));
}

}  // namespace

std::string plan_text(const std::vector<PlannedTable>& tables,
                      const std::vector<std::string>& warnings) {
  TextTable text({{"table", Align::left},
                  {"split", Align::left},
                  {"key", Align::left},
                  {"chunks"},
                  {"rows"},
                  {"bytes"},
                  {"max/avg"},
                  {"formatted by", Align::left},
                  {"why", Align::left}});
  std::string notes;
  std::int64_t chunks = 0;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  for (const PlannedTable& planned : tables) {
    const Table& table = planned.table;
    text.add({shown_name(table), std::string(word(table.split)), shown_key(table),
              count_text(table.chunks), count_text(table.estimated_rows),
              bytes_text(static_cast<double>(table.estimated_bytes)),
              table.max_over_avg > 0 ? fmt::format("{:.2f}", table.max_over_avg) : "?",
              std::string(word(planned.formatter)), printable(table.key_reason)});
    for (const std::string& warning : table.warnings) {
      notes += fmt::format("warning: {}: {}\n", shown_name(table), printable_lines(warning));
    }
    chunks += table.chunks;
    rows += table.estimated_rows;
    bytes += table.estimated_bytes;
  }
  for (const std::string& warning : warnings) {
    notes += fmt::format("warning: {}\n", printable_lines(warning));
  }
  return fmt::format("{}\n{}{} in {}, about {} rows, {} of table\n", text.text(), notes,
                     counted(chunks, "chunk"), counted_tables(tables), count_text(rows),
                     bytes_text(static_cast<double>(bytes)));
}

std::string plan_sql(const std::vector<PlannedTable>& tables) {
  std::string out;
  for (const PlannedTable& planned : tables) {
    for (std::size_t at = 0; at < planned.sql.size(); ++at) {
      const std::int64_t number =
          at < planned.chunks.size() ? planned.chunks[at].number : static_cast<std::int64_t>(at);
      out += fmt::format("\n-- {}, chunk {}\n{};\n", shown_name(planned.table), number,
                         planned.sql[at]);
    }
  }
  return out;
}

std::string plan_explain(const std::vector<PlannedTable>& tables) {
  std::string out;
  for (const PlannedTable& planned : tables) {
    if (!planned.explain.empty()) {
      out += fmt::format("\n-- {}, the plan of its first chunk\n{}\n", shown_name(planned.table),
                         planned.explain);
    }
  }
  return out;
}

}  // namespace pgstride::cli
