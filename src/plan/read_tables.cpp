#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "pg/quote.hpp"
#include "plan/condition_check.hpp"
#include "plan/estimate.hpp"
#include "plan/key_choice.hpp"
#include "plan/pattern.hpp"
#include "plan/plan.hpp"
#include "plan/selection.hpp"
#include "plan/table_options.hpp"

namespace pgstride::plan {

namespace {

using Columns = std::unordered_map<std::uint32_t, std::vector<ColumnFact>>;

RelationKind kind_of(const Relation& relation) {
  switch (relation.kind) {
  case 'm':
    return RelationKind::materialized_view;
  case 'v':
    return RelationKind::view;
  case 'f':
    return RelationKind::foreign_table;
  default:
    return relation.partition ? RelationKind::leaf_partition : RelationKind::table;
  }
}

// A child by inheritance may have columns of its own: then its rows don't fit its parent's files.
bool same_columns(const std::vector<ColumnFact>& a, const std::vector<ColumnFact>& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const ColumnFact& one) {
           return std::any_of(b.begin(), b.end(), [&](const ColumnFact& other) {
             return one.column.name == other.column.name && one.column.type == other.column.type;
           });
         });
}

// A partition's columns may stand in another order than its parent's; files follow the parent.
std::vector<ColumnFact> in_order_of(const std::vector<ColumnFact>& root,
                                    const std::vector<ColumnFact>& leaf) {
  std::vector<ColumnFact> ordered;
  for (const auto& wanted : root) {
    for (const auto& fact : leaf) {
      if (fact.column.name == wanted.column.name) {
        ordered.push_back(fact);
      }
    }
  }
  return ordered;
}

std::vector<ColumnFact> chosen_columns(const Table& table, const std::vector<ColumnFact>& all,
                                       const TableOption* option) {
  if (option == nullptr) {
    return all;
  }
  std::vector<ColumnFact> chosen;
  for (const auto& name : parse_names(option->value, ',')) {
    const auto found = std::find_if(
        all.begin(), all.end(), [&](const ColumnFact& fact) { return fact.column.name == name; });
    if (found == all.end()) {
      throw Error(ErrorKind::usage,
                  fmt::format("table {} has no column \"{}\"", table.display_name(), name),
                  "--columns names a column that is not there; names fold to lower case unless "
                  "quoted");
    }
    if (std::any_of(chosen.begin(), chosen.end(),
                    [&](const ColumnFact& fact) { return fact.column.name == name; })) {
      throw Error(ErrorKind::usage,
                  fmt::format("--columns names the column \"{}\" of table {} twice", name,
                              table.display_name()));
    }
    chosen.push_back(*found);
  }
  return chosen;
}

void check_access(const Relation& relation, const std::string& user,
                  const std::vector<ColumnFact>& columns) {
  const auto name = pg::quote_qualified(relation.schema, relation.name);
  if (!relation.schema_usage) {
    throw Error(
        ErrorKind::usage,
        fmt::format("may not use the schema of table {}.{}", relation.schema, relation.name),
        fmt::format("run: GRANT USAGE ON SCHEMA {} TO {}; or leave the table out with -T",
                    pg::quote_identifier(relation.schema), pg::quote_identifier(user)));
  }
  if (!relation.readable) {
    const bool columns_are = std::any_of(columns.begin(), columns.end(),
                                         [](const ColumnFact& fact) { return fact.readable; });
    throw Error(
        ErrorKind::usage,
        fmt::format("may not read table {}.{}{}", relation.schema, relation.name,
                    columns_are ? ", only columns of it: locking it needs SELECT on all" : ""),
        fmt::format("run: GRANT SELECT ON {} TO {}; or leave the table out with -T", name,
                    pg::quote_identifier(user)));
  }
  if (relation.hidden_rows) {
    throw Error(
        ErrorKind::usage,
        fmt::format("row security would hide rows of table {}.{}", relation.schema, relation.name),
        fmt::format("connect as a superuser or a role with BYPASSRLS: ALTER ROLE {} "
                    "BYPASSRLS; or leave the table out with -T",
                    pg::quote_identifier(user)));
  }
  if (!relation.populated) {
    throw Error(ErrorKind::usage,
                fmt::format("materialized view {}.{} has no data", relation.schema, relation.name),
                fmt::format("run: REFRESH MATERIALIZED VIEW {}", name));
  }
}

/// Settings of the server that the plan needs.
struct Server {
  std::string user;
  std::int64_t block_size = 8192;
  std::int64_t cache_bytes = 0;
};

Server read_server(pg::Connection& connection) {
  const auto result = connection.exec(R"sql(
    SELECT current_user, current_setting('block_size'),
           pg_size_bytes(current_setting('effective_cache_size'))
  )sql");
  return {result.text(0, 0), result.int64(0, 1), result.int64(0, 2)};
}

class Reader {
 public:
  Reader(pg::Connection& connection, const SelectOptions& select, const ChunkOptions& chunk)
      : m_connection(connection), m_select(select), m_chunk(chunk),
        m_server(read_server(connection)), m_relations(read_relations(connection)),
        m_leaves(select_leaves(connection, select, m_relations)) {
    std::vector<std::uint32_t> with_roots;
    for (const auto& leaf : m_leaves) {
      m_oids.push_back(leaf.relation->oid);
      with_roots.push_back(leaf.relation->oid);
      with_roots.push_back(leaf.root->oid);
    }
    std::sort(with_roots.begin(), with_roots.end());
    with_roots.erase(std::unique(with_roots.begin(), with_roots.end()), with_roots.end());
    m_columns = read_columns(connection, with_roots);
  }

  std::vector<Table> read() {
    auto tables = names_and_columns();
    check_table_options(m_select.where, tables, "--where");
    check_table_options(m_select.columns, tables, "--columns");
    check_table_options(m_chunk.keys, tables, "--key");
    check_table_options(m_chunk.intervals, tables, "--interval");
    check_table_options(m_chunk.bounds, tables, "--bounds");
    m_sizes = read_sizes(m_connection, m_oids);
    for (std::size_t i = 0; i < tables.size(); ++i) {
      estimate(tables[i], *m_leaves[i].relation);
    }
    choose_keys(tables);
    std::sort(tables.begin(), tables.end(), [](const Table& a, const Table& b) {
      return std::pair(a.display_name(), a.leaf_display_name()) <
             std::pair(b.display_name(), b.leaf_display_name());
    });
    return tables;
  }

 private:
  std::vector<Table> names_and_columns() {
    std::vector<Table> tables;
    for (const auto& leaf : m_leaves) {
      const auto& relation = *leaf.relation;
      const auto& own = m_columns[relation.oid];
      const auto& of_root = m_columns[leaf.root->oid];
      const bool under_root = relation.partition || same_columns(of_root, own);
      const auto& name = under_root ? *leaf.root : relation;
      Table table;
      table.schema = name.schema;
      table.name = name.name;
      table.leaf_schema = relation.schema;
      table.leaf_name = relation.name;
      table.kind = kind_of(relation);
      table.oid = relation.oid;
      table.root_oid = leaf.root->oid;
      table.relfilenode = relation.relfilenode;
      table.replica_identity = relation.replica_identity;
      const auto columns = chosen_columns(table, under_root ? in_order_of(of_root, own) : own,
                                          option_for(m_select.columns, table));
      check_access(relation, m_server.user, columns);
      for (const auto& fact : columns) {
        table.columns.push_back(fact.column);
      }
      if (const auto* where = option_for(m_select.where, table)) {
        table.where = where->value;
      }
      if (table.kind == RelationKind::foreign_table) {
        table.warnings.push_back("a foreign table: its own server gives its rows as they are when "
                                 "they are read, not as of the job's snapshot");
      }
      if (relation.unlogged) {
        table.warnings.push_back("the table is unlogged: its changes are not in the WAL, a slot "
                                 "does not carry them");
      }
      tables.push_back(std::move(table));
    }
    return tables;
  }

  void estimate(Table& table, const Relation& relation) {
    const auto size = m_sizes[table.oid];
    table.estimated_bytes = size.heap + size.toast;
    double rows = rows_by_density(relation.reltuples, relation.relpages, size.heap,
                                  m_server.block_size, table.columns.size());
    const bool stored = relation.kind == 'r' || relation.kind == 'm';
    if (!stored || table.where) {
      const auto explained = explain_rows(m_connection, table);
      check_filter_of(table);
      if (!stored) {
        table.estimated_bytes = static_cast<std::int64_t>(explained.rows) * explained.width;
      } else if (rows > 0) {
        const double part = std::min(1.0, explained.rows / rows);
        table.estimated_bytes =
            static_cast<std::int64_t>(static_cast<double>(table.estimated_bytes) * part);
      }
      rows = stored ? std::min(rows, explained.rows) : explained.rows;
    }
    table.estimated_rows = static_cast<std::int64_t>(rows);
  }

  // Once for a table and all its leaves.
  void check_filter_of(Table& table) {
    if (!table.where) {
      return;
    }
    const auto [found, is_new] = m_filters.try_emplace({table.root_oid, *table.where}, false);
    if (is_new) {
      found->second = check_filter(m_connection, table);
    }
    if (found->second) {
      table.warnings.push_back("the filter reads other tables, which the job does not lock: don't "
                               "truncate or rewrite them meanwhile");
    }
  }

  void choose_keys(std::vector<Table>& tables) {
    auto indexes = read_indexes(m_connection, m_oids);
    // One chunk needs no statistics; with thousands of small tables this is what they cost.
    std::vector<std::uint32_t> large;
    for (const auto& table : tables) {
      if (table.estimated_bytes > m_chunk.chunk_bytes || m_chunk.chunk_rows) {
        large.push_back(table.oid);
      }
    }
    auto statistics = read_statistics(m_connection, large);
    const auto collations = collation_versions(m_connection, collations_of(indexes));
    for (std::size_t i = 0; i < tables.size(); ++i) {
      auto& table = tables[i];
      const KeyFacts facts{.relation = m_leaves[i].relation,
                           .columns = &m_columns[table.oid],
                           .indexes = std::move(indexes[table.oid]),
                           .statistics = std::move(statistics[table.oid]),
                           .collations = collations,
                           .size = m_sizes[table.oid],
                           .cache_bytes = m_server.cache_bytes};
      choose_key(m_connection, table, facts, request_for(table));
    }
  }

  [[nodiscard]] KeyRequest request_for(const Table& table) const {
    KeyRequest request{.split = m_chunk.split,
                       .columns = {},
                       .interval = option_for(m_chunk.intervals, table) != nullptr,
                       .bounds = option_for(m_chunk.bounds, table) != nullptr};
    if (const auto* option = option_for(m_chunk.keys, table)) {
      request.columns = parse_names(option->value, ',');
    }
    return request;
  }

  static std::vector<std::uint32_t>
  collations_of(const std::unordered_map<std::uint32_t, std::vector<Index>>& indexes) {
    std::vector<std::uint32_t> collations;
    for (const auto& [oid, of_table] : indexes) {
      for (const auto& index : of_table) {
        for (const auto& column : index.columns) {
          if (column.collation_oid != 0) {
            collations.push_back(column.collation_oid);
          }
        }
      }
    }
    std::sort(collations.begin(), collations.end());
    collations.erase(std::unique(collations.begin(), collations.end()), collations.end());
    return collations;
  }

  pg::Connection& m_connection;
  const SelectOptions& m_select;
  const ChunkOptions& m_chunk;
  Server m_server;
  std::vector<Relation> m_relations;
  std::vector<Leaf> m_leaves;
  std::vector<std::uint32_t> m_oids;
  Columns m_columns;
  std::unordered_map<std::uint32_t, Size> m_sizes;
  std::map<std::pair<std::uint32_t, std::string>, bool> m_filters;  ///< that read other tables
};

}  // namespace

std::vector<Table> read_tables(pg::Connection& connection, const SelectOptions& select,
                               const ChunkOptions& chunk) {
  if (chunk.chunk_bytes <= 0 || (chunk.chunk_rows && *chunk.chunk_rows <= 0)) {
    throw Error(ErrorKind::usage, "the size of a chunk must be above zero",
                "see --chunk-size and --chunk-rows");
  }
  return Reader(connection, select, chunk).read();
}

}  // namespace pgstride::plan
