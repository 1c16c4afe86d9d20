// Indexes and constraints that are dropped before a load and built after it. What is needed for
// both is captured as plain values, which must be kept safe before the first is dropped. Functions
// use the given connection on the calling thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "pg/connection.hpp"
#include "target/table_name.hpp"

namespace pgstride::target {

enum class DeferredKind {
  index,        ///< an index without a constraint
  primary_key,  ///< these three: a constraint and the index behind it
  unique,
  exclusion,  ///< also a temporal key (18)
  foreign_key
};

struct DeferredObject {
  DeferredKind kind = DeferredKind::index;
  TableName table;
  std::string name;  ///< of the constraint, else of the index
  /// Of a partitioned table or a partition: the quoted name of the topmost table; else empty.
  std::string tree;
  /// Of a partitioned table: made of those of its partitions. A foreign key: of or to such a table.
  bool partitioned = false;
  int level = 0;          ///< depth of the table below `tree`
  std::string drop_sql;   ///< harmless if it is gone; empty if a parent's drop takes it along
  std::string build_sql;  ///< the long work, in a transaction of its own
  std::string
      attach_sql;  ///< then, briefly: the constraint over its index, a foreign key NOT VALID
  std::string validate_sql;  ///< then, long again: of a foreign key
  std::string mark_sql;      ///< comment, CLUSTER, replica identity, statistics; may be repeated
};

struct DeferOptions {
  bool primary_keys = false;
  /// True: definitions of a source, to be built on a target that has nothing yet: foreign keys only
  /// between these tables, no tablespaces. False: what is in the way of a load.
  bool of_source = false;
  /// Of a source: OIDs of the tables and partitions that are made on the target, with the parents
  /// of those. The rest of their trees has no part in it. Empty: all of the trees.
  std::vector<std::uint32_t> chosen;
  std::vector<std::pair<TableName, std::string>> keep;  ///< indexes that a load needs
};

/// What these tables and their partitions have: secondary indexes, unique and exclusion
/// constraints, foreign keys of theirs and of other tables that refer to them. Indexes of a
/// partition that belong to an index of a table not named are left alone, so are invalid ones.
/// Throws Error (usage) naming tables that this user does not own.
std::vector<DeferredObject> capture_deferred(pg::Connection& connection,
                                             const std::vector<TableName>& tables,
                                             const DeferOptions& options = {});

/// Drops them, foreign keys first, each in a transaction of its own; again it does nothing. Throws
/// Error: lock, where a table could not be locked within `lock_timeout`; server; stopped.
void drop_deferred(pg::Connection& connection, const std::vector<DeferredObject>& objects,
                   std::chrono::milliseconds lock_timeout);

/// What of an object is there.
struct DeferredState {
  bool index = false;
  bool constraint = false;
  bool validated = false;
};

/// In the order of the objects, by one query.
std::vector<DeferredState> look_for_deferred(pg::Connection& connection,
                                             const std::vector<DeferredObject>& objects);

}  // namespace pgstride::target
