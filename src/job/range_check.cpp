#include "job/range_check.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "plan/plan.hpp"

namespace pgstride::job {

namespace {

// int8, int2, int4, oid, date, time, timestamp, timestamptz, numeric and uuid (pg_type.dat): what
// has a collation may be sorted otherwise elsewhere.
constexpr std::array<std::uint32_t, 10> k_ordered_alike{20,   21,   23,   26,   1082,
                                                        1083, 1114, 1184, 1700, 2950};

bool is_ordered_alike(const Table& table, const KeyColumn& column,
                      const target::TargetTable& there) {
  const auto source = std::find_if(table.columns.begin(), table.columns.end(),
                                   [&](const Column& other) { return other.name == column.name; });
  const auto* other = there.column(column.name);
  return source != table.columns.end() && other != nullptr && source->type_oid == other->type_oid &&
         column.op_schema == "pg_catalog" &&
         std::find(k_ordered_alike.begin(), k_ordered_alike.end(), source->type_oid) !=
             k_ordered_alike.end();
}

}  // namespace

bool can_ask_by_range(const LoadOptions& load, const Table& table, const transfer::LoadWay& way) {
  const bool because_of_rows = load.mode == LoadMode::automatic &&
                               load.on_conflict == OnConflict::error && load.touch.empty() &&
                               way.kind == transfer::LoadKind::stage;
  if (!because_of_rows || !way.insert.key || table.split != Split::key || !table.key) {
    return false;
  }
  const auto& cut = table.key->columns;
  const auto& conflict = way.insert.key->columns;
  return cut.size() <= conflict.size() &&
         std::equal(cut.begin(), cut.end(), conflict.begin(),
                    [](const KeyColumn& a, const std::string& b) { return a.name == b; }) &&
         std::all_of(cut.begin(), cut.end(), [&](const KeyColumn& column) {
           return is_ordered_alike(table, column, *way.table);
         });
}

std::string occupied_sql(Table table, const Chunk& chunk, const target::TableName& target) {
  if (chunk.kind != ChunkKind::range && chunk.kind != ChunkKind::whole) {
    return "";
  }
  table.where.reset();  // of the source's rows
  const auto condition = plan::chunk_condition(table, chunk);
  return fmt::format("SELECT EXISTS (SELECT FROM {}{})", target.quoted(),
                     condition.empty() ? "" : " WHERE " + condition);
}

}  // namespace pgstride::job
