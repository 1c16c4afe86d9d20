// What the catalog says of relations, columns, indexes and statistics, each by one query for any
// number of relations. Uses the given connection on the calling thread; the structs are values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/table.hpp"

namespace pgstride::plan {

/// A relation that could be chosen, before it is.
struct Relation {
  std::uint32_t oid = 0;
  std::string schema;
  std::string name;
  char kind = 'r';  ///< pg_class.relkind: r, p, m, v, f
  bool partition = false;
  bool unlogged = false;
  bool populated = true;   ///< false: a materialized view without data
  bool extension = false;  ///< belongs to an extension
  bool heap = false;       ///< of the heap access method: has useful ctids
  bool visible = false;    ///< found by its name alone under the user's search_path
  bool readable = false;   ///< SELECT on the table and USAGE on its schema
  bool schema_usage = false;
  bool hidden_rows = false;  ///< row security is in force for this user
  char replica_identity = 'd';
  std::uint32_t relfilenode = 0;
  double reltuples = -1;
  std::int64_t relpages = 0;
  std::vector<std::uint32_t> parents;  ///< of which it is a partition or child
};

/// Every relation outside the system's schemas and our ledger's, in order of schema and name.
std::vector<Relation> read_relations(pg::Connection& connection);

struct ColumnFact {
  Column column;
  bool readable = true;  ///< this user may SELECT it
};

/// Columns that are not dropped, in order of attnum, by relation.
std::unordered_map<std::uint32_t, std::vector<ColumnFact>>
read_columns(pg::Connection& connection, const std::vector<std::uint32_t>& oids);

/// Bytes of a relation's own heap, and of its TOAST table.
struct Size {
  std::int64_t heap = 0;
  std::int64_t toast = 0;
};
std::unordered_map<std::uint32_t, Size> read_sizes(pg::Connection& connection,
                                                   const std::vector<std::uint32_t>& oids);

/// A key column as an index orders it.
struct IndexColumn {
  std::int16_t attnum = 0;
  bool comparable = false;  ///< the operator class has <, <=, =, >=, > by these names in one schema
  std::string op_schema;
  std::string type;       ///< base type, quoted and qualified
  std::string collation;  ///< quoted and qualified, or empty
  std::uint32_t collation_oid = 0;
  bool descending = false;
};

/// A btree index that holds every row: valid, not partial, no expressions.
struct Index {
  std::string name;
  bool primary = false;
  bool unique = false;
  bool immediate = true;  ///< false: a deferrable constraint
  std::vector<IndexColumn> columns;
};
std::unordered_map<std::uint32_t, std::vector<Index>>
read_indexes(pg::Connection& connection, const std::vector<std::uint32_t>& oids);

/// How one column is compared by its type's default btree operator class; none if it has none.
std::optional<IndexColumn> default_comparison(pg::Connection& connection, std::uint32_t table,
                                              std::int16_t attnum);

/// Statistics of one column, as far as the choice of a key needs them.
struct ColumnStatistics {
  double null_frac = 0;
  double n_distinct = 0;  ///< negative: a fraction of the rows (pg_stats)
  std::optional<double> correlation;
};
/// Of the columns that lead an index, by relation and attnum.
std::unordered_map<std::uint32_t, std::unordered_map<std::int16_t, ColumnStatistics>>
read_statistics(pg::Connection& connection, const std::vector<std::uint32_t>& oids);

/// The versions of a collation's order; empty where it has none (C) or the server can't tell.
struct CollationVersion {
  std::string recorded;  ///< when it was made or refreshed: what indexes are taken to be built with
  std::string actual;    ///< of the operating system's or ICU's library now
};
/// By collation; the database's own has a version since PostgreSQL 15.
std::unordered_map<std::uint32_t, CollationVersion>
collation_versions(pg::Connection& connection, const std::vector<std::uint32_t>& collations);

}  // namespace pgstride::plan
