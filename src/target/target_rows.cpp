#include "target/target_rows.hpp"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "pg/text_array.hpp"

namespace pgstride::target {

namespace {

// Tables in one statement, each of which is locked until its end.
constexpr std::size_t k_batch = 100;

struct Pages {
  std::unordered_set<std::uint32_t> some;      ///< has a page, itself or in a partition
  std::unordered_set<std::uint32_t> readable;  ///< SELECT is allowed
};

Pages read_pages(pg::Connection& connection, const std::vector<std::uint32_t>& oids) {
  const auto result = connection.query(R"sql(
    SELECT c.oid, has_table_privilege(c.oid, 'SELECT'),
           CASE WHEN c.relkind = 'p'
                THEN EXISTS (SELECT FROM pg_partition_tree(c.oid) leaf
                             JOIN pg_class l ON l.oid = leaf.relid
                             WHERE leaf.isleaf
                               AND (l.relkind <> 'r' OR pg_relation_size(l.oid) > 0))
                ELSE pg_relation_size(c.oid) > 0 END
    FROM unnest($1::oid[]) AS w (oid) JOIN pg_class c ON c.oid = w.oid
  )sql",
                                       {pg::array_text(oids)});
  Pages pages;
  for (int row = 0; row < result.rows(); ++row) {
    const auto oid = static_cast<std::uint32_t>(result.int64(row, 0));
    if (result.boolean(row, 1)) {
      pages.readable.insert(oid);
    }
    if (result.boolean(row, 2)) {
      pages.some.insert(oid);
    }
  }
  return pages;
}

void look_into(pg::Connection& connection, std::vector<TargetTable*>& batch) {
  std::string sql;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    sql += fmt::format("{}SELECT {} WHERE EXISTS (SELECT FROM {}{})", i == 0 ? "" : " UNION ALL ",
                       i, batch[i]->partitioned() ? "" : "ONLY ", batch[i]->name.quoted());
    batch[i]->has_rows = false;
  }
  if (batch.empty()) {
    return;
  }
  const auto result = connection.exec(sql);
  for (int row = 0; row < result.rows(); ++row) {
    batch[static_cast<std::size_t>(result.int64(row, 0))]->has_rows = true;
  }
  batch.clear();
}

}  // namespace

void find_rows(pg::Connection& connection, std::vector<TargetTable>& tables) {
  std::vector<std::uint32_t> oids;
  for (const auto& table : tables) {
    if (table.kind == 'r' || table.kind == 'p') {
      oids.push_back(table.oid);
    }
  }
  const auto pages = read_pages(connection, oids);
  std::vector<TargetTable*> batch;
  for (auto& table : tables) {
    if (!table.exists() || (table.kind != 'r' && table.kind != 'p')) {
      continue;
    }
    if (!pages.some.contains(table.oid)) {
      table.has_rows = false;
    } else if (pages.readable.contains(table.oid) && !table.row_security) {
      batch.push_back(&table);
      if (batch.size() == k_batch) {
        look_into(connection, batch);
      }
    }
  }
  look_into(connection, batch);
}

}  // namespace pgstride::target
