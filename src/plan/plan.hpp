// The planner: catalog facts → key choice → bounds → chunks. It changes nothing on the server.
// Functions use the given connection on the calling thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/chunk.hpp"
#include "pgstride/options.hpp"
#include "pgstride/table.hpp"

namespace pgstride::plan {

/// Resolves a selection to leaves with columns, estimates, key and split, ordered by display name
/// and leaf; a number of catalog queries that does not depend on how many tables there are. Throws
/// Error (usage) for a pattern that matches nothing, an unknown table or column in a `TABLE:…`
/// option; (server) for a table that may not be read.
std::vector<Table> read_tables(pg::Connection& connection, const SelectOptions& select,
                               const ChunkOptions& chunk);

/// Receives chunks in ascending order, one at a time; `number` counts from 0 within the table and
/// `table_id` is 0: the caller numbers them on.
using ChunkSink = std::function<void(Chunk)>;

/// Cuts one table into chunks that are disjoint and whose union is the table, whatever its rows are
/// when they are read. Sets `chunks`, `max_over_avg` and adds to `warnings` of the table.
/// Memory does not grow with the number of chunks. An empty table is one chunk.
void cut_table(pg::Connection& connection, Table& table, const ChunkOptions& chunk,
               const ChunkSink& emit);

/// What must be the same for the rows of a leaf to be those that were planned.
struct LeafIdentity {
  std::uint32_t oid = 0;
  std::uint32_t relfilenode = 0;
  char replica_identity = 'd';  ///< pg_class.relreplident
  std::string schema;
  std::string name;
  std::vector<Column> columns;           ///< all of them, in order of attnum
  std::vector<std::string> primary_key;  ///< names, in the key's order; empty: it has none
};

/// The present identities of relations by oid, in one query; those that are gone are left out.
/// Call it in a fresh READ COMMITTED snapshot, after the locks are had.
std::vector<LeafIdentity> leaf_identities(pg::Connection& connection,
                                          const std::vector<std::uint32_t>& oids);

/// A relation of an inheritance tree as the catalog has it now: the root itself, a partition, a
/// child.
struct TreeMember {
  std::uint32_t root_oid = 0;
  std::uint32_t oid = 0;
  bool partitioned = false;  ///< holds no rows of its own
  std::string schema;
  std::string name;
};

/// All members of the trees of the given roots, in one query; roots that are gone have none.
std::vector<TreeMember> tree_members(pg::Connection& connection,
                                     const std::vector<std::uint32_t>& roots);

/// The present versions of collations (quoted and qualified names, as in KeyColumn), by name; those
/// without a version are left out.
std::map<std::string, std::string>
present_collation_versions(pg::Connection& connection, const std::vector<std::string>& collations);

/// Of the views among them those that read a foreign table, however deep: its rows are not of the
/// snapshot under which the view is read. By oid, in one query.
std::set<std::uint32_t> views_of_foreign_tables(pg::Connection& connection,
                                                const std::vector<const Table*>& tables);

/// True if the table's filter has a subquery: what it reads is not locked by the job.
bool filter_reads_tables(pg::Connection& connection, const Table& table);

/// The SQL condition of a chunk over its table's columns, or empty for all rows. Includes the
/// table's `where`. Comparisons use the operator class's operators, schema-qualified; literals are
/// cast to the column's own type (correctness.md, 7 and 8).
std::string chunk_condition(const Table& table, const Chunk& chunk);

/// `SELECT "a", "b" FROM ONLY "s"."t" WHERE …` of a chunk (no ONLY for views and foreign tables).
std::string chunk_select(const Table& table, const Chunk& chunk);
/// The same with other expressions than the columns.
std::string chunk_select(const Table& table, const Chunk& chunk,
                         const std::vector<std::string>& select_list);

}  // namespace pgstride::plan
