// Tables as the planner sees them: one value per leaf, the unit that is locked, read and checked.
// Values; no thread rule.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pgstride {

struct Column {
  std::string name;
  std::int16_t attnum = 0;
  std::uint32_t type_oid = 0;
  std::string type;  ///< format_type(), schema-qualified where needed: what a literal is cast to
  bool not_null = false;
  bool generated = false;  ///< GENERATED ALWAYS AS (…) STORED: exported, but a load leaves it out
  bool operator==(const Column&) const = default;
};

enum class RelationKind { table, leaf_partition, materialized_view, view, foreign_table };

/// How a table is cut. `none` is one chunk.
enum class Split { none, key, ctid };

/// One column of a chunk key, with what is needed to compare it on the server only.
struct KeyColumn {
  std::string name;
  std::string type;       ///< what a bound is cast to, e.g. `pg_catalog.int8`, `public.citext`
  std::string collation;  ///< quoted and qualified, or empty for the column's own
  std::string collation_version;         ///< of its order when planned; empty if it has none
  std::string op_schema = "pg_catalog";  ///< schema of the operator class's comparison operators
  bool not_null = false;
  bool descending = false;  ///< order in the index; bounds are ascending all the same
  bool operator==(const KeyColumn&) const = default;
};

struct Key {
  std::vector<KeyColumn> columns;
  std::string index;  ///< name of the btree index behind it, empty if there is none
  /// The whole primary key, or the first column of it: the only key under which a resume may be
  /// fuzzy.
  bool primary = false;
  bool unique = false;
};

/// A leaf: an ordinary table, one leaf partition, a view … It is always read with ONLY.
/// Files go under `schema.name`, which is the root parent's name for a partition.
struct Table {
  std::int64_t id = 0;  ///< number in the checkpoint, 0 before it has one
  std::string schema;
  std::string name;
  std::string leaf_schema;  ///< equal to schema and name unless this is a partition or a child
  std::string leaf_name;
  RelationKind kind = RelationKind::table;
  std::uint32_t oid = 0;
  std::uint32_t root_oid = 0;        ///< of the root parent; equal to oid for a table without one
  std::uint32_t relfilenode = 0;     ///< 0 for relations without storage
  char replica_identity = 'd';       ///< pg_class.relreplident
  std::vector<Column> columns;       ///< those that are exported, in order
  std::optional<std::string> where;  ///< the user's filter, an SQL condition
  Split split = Split::none;
  std::optional<Key> key;  ///< set if split is `key`
  std::string key_reason;  ///< why this key and split, in a few words for a person
  std::int64_t estimated_rows = 0;
  std::int64_t estimated_bytes = 0;  ///< heap and TOAST
  std::int64_t chunks = 0;           ///< set once cut
  double max_over_avg = 1.0;         ///< largest ÷ average chunk by estimated bytes, set once cut
  std::vector<std::string> warnings;

  [[nodiscard]] bool is_leaf() const { return leaf_schema != schema || leaf_name != name; }
  /// `schema.name` for people and as the key of files and JSON; not quoted.
  [[nodiscard]] std::string display_name() const { return schema + "." + name; }
  [[nodiscard]] std::string leaf_display_name() const { return leaf_schema + "." + leaf_name; }
};

}  // namespace pgstride
