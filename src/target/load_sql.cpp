#include "target/load_sql.hpp"

#include <fmt/format.h>

#include "pg/quote.hpp"

namespace pgstride::target {

namespace {

std::string listed(const std::vector<std::string>& columns) {
  std::string out;
  for (const auto& column : columns) {
    out += (out.empty() ? "" : ", ") + pg::quote_identifier(column);
  }
  return out;
}

const char* word(Format format) {
  switch (format) {
  case Format::binary:
    return "binary";
  case Format::csv:
    return "csv";
  case Format::text:
    break;
  }
  return "text";
}

}  // namespace

std::string copy_statement(const TableName& table, const std::vector<std::string>& columns,
                           const CopyIn& copy) {
  return fmt::format("{}COPY {}{} FROM STDIN WITH (FORMAT {}{}{}{})",
                     copy.tag.empty() ? "" : "/* " + pg::comment_safe(copy.tag) + " */ ",
                     table.quoted(), columns.empty() ? "" : " (" + listed(columns) + ")",
                     word(copy.format), copy.freeze ? ", FREEZE" : "",
                     copy.options.empty() ? "" : ", ", copy.options);
}

std::string truncate_statement(const std::vector<TargetTable>& tables) {
  std::string sql;
  for (const auto& table : tables) {
    sql += fmt::format("{}{}{}", sql.empty() ? "TRUNCATE TABLE " : ", ",
                       table.kind == 'r' ? "ONLY " : "", table.name.quoted());
  }
  return sql;
}

}  // namespace pgstride::target
