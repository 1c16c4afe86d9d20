// Facts of target tables, read for any number of them in a few queries. Uses the given connection
// on the calling thread; the structs are values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "target/table_name.hpp"
#include "target/types.hpp"

namespace pgstride::target {

struct TargetColumn {
  std::string name;
  std::int16_t attnum = 0;
  std::uint32_t type_oid = 0;
  std::int32_t typmod = -1;
  std::string type;       ///< format_type(), schema-qualified where needed
  std::string collation;  ///< quoted and qualified if not the type's own, else empty
  bool not_null = false;  ///< by itself or by its domain
  bool generated = false;
  char identity = 0;         ///< `a` always, `d` by default, 0 none
  bool has_default = false;  ///< its own, its domain's or an identity
  bool may_insert = true;    ///< this user has the privilege
};

/// A unique index, or the index of an exclusion constraint.
struct UniqueIndex {
  std::string name;
  bool primary = false;
  bool exclusion = false;
  bool immediate = true;  ///< false: of a deferrable constraint
  bool valid = true;
  bool partial = false;
  bool expressions = false;
  bool nulls_distinct = true;
  std::vector<std::string> columns;    ///< of the key; without the expressions
  std::vector<std::string> operators;  ///< the equality of each column: `OPERATOR(pg_catalog.=)`
  /// Of each column, quoted and qualified where the index has another than the column; else empty.
  std::vector<std::string> collations;
};

/// A foreign key, seen from one of its two tables.
struct Reference {
  TableName table;  ///< the other one
  std::string constraint;
  bool cascades = false;  ///< deleting a referred row deletes or changes those that refer to it
};

struct TargetTable {
  TableName name;
  std::uint32_t oid = 0;      ///< 0: there is no such relation
  char kind = 'r';            ///< pg_class.relkind
  bool partition = false;     ///< a partition of another table
  char persistence = 'p';     ///< `u` unlogged
  bool owned = false;         ///< this user may ALTER it
  bool may_truncate = false;  ///< this user has the privilege
  bool row_security = false;  ///< in force for this user
  /// None where it can't be told: not a table, no privilege, or row security.
  std::optional<bool> has_rows;
  std::vector<TargetColumn> columns;
  std::vector<UniqueIndex> unique_indexes;    ///< primary key first
  std::vector<std::string> triggers;          ///< of the user, enabled for ordinary sessions
  std::vector<std::string> replica_triggers;  ///< enabled where session_replication_role is replica
  std::vector<Reference> references;          ///< foreign keys that refer to this table
  std::vector<Reference> foreign_keys;        ///< its own

  [[nodiscard]] bool exists() const { return oid != 0; }
  [[nodiscard]] bool partitioned() const { return kind == 'p'; }
  [[nodiscard]] const TargetColumn* column(const std::string& name) const;
};

struct TargetTables {
  std::vector<TargetTable> tables;  ///< in the order asked for
  Types types;                      ///< of all their columns
};

/// Reads the facts of these tables, also of those that don't exist. Takes no locks beyond the
/// queries' own. Throws Error as the connection does.
TargetTables read_target_tables(pg::Connection& connection, const std::vector<TableName>& names);

}  // namespace pgstride::target
