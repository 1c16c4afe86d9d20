// Makes the tables of a source on a target, by pg_dump and pg_restore. Called from one thread.
//
// Before the rows: types, sequences and the tables, in one transaction. After them: triggers,
// rules, policies, checks, statistics objects, in one transaction. Indexes and keys are not among
// either: capture_deferred(source, …) gives their definitions, build_deferred() builds them side by
// side.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pgstride/table.hpp"

namespace pgstride::target {

struct SchemaOptions {
  std::filesystem::path directory;  ///< for `schema.dump` and lists of its entries; it exists
  std::string pg_dump;              ///< `--pg-dump`, or empty
  std::string application_name;     ///< of the programs' sessions; of this job only
  std::string target;               ///< a name for the target, of which a file's name is made
  std::stop_token cancel;
};

/// What was done, for people.
struct SchemaReport {
  bool made = false;               ///< false: an earlier attempt had
  std::vector<std::string> notes;  ///< what was taken as it is, or left out
  /// Tables that were made, without rows, because others need them.
  std::vector<std::string> brought;
};

/// Throws Error (usage) naming those of the tables that the target has already.
void check_absent(pg::Connection& target, const std::vector<Table>& tables);

/// Writes the definitions of these tables to `schema.dump`, once and durably. Only they are locked,
/// for a moment. Throws Error: usage (no pg_dump that is new enough; a view, which is no table),
/// server with what pg_dump said, io, stopped.
void dump_schema(pg::Connection& source, const std::vector<Table>& tables,
                 const SchemaOptions& options);

/// Makes the tables, all or none. One that is there already is an Error (usage) before anything is
/// changed. With `again` (an earlier attempt was begun, and perhaps killed) all of them being there
/// means that it did it. Types, functions and schemas that are there are taken as they are.
SchemaReport create_tables(pg::Connection& source, pg::Connection& target,
                           const std::vector<Table>& tables, bool again,
                           const SchemaOptions& options);

/// Makes what comes after the rows, all or none; what is there already stays. Again it does
/// nothing.
SchemaReport create_rest(pg::Connection& source, pg::Connection& target,
                         const std::vector<Table>& tables, const SchemaOptions& options);

/// Drops the tables that create_tables() made, or perhaps made (`certain` false: only if all are
/// there, as it makes all or none), without what depends on them: that is an Error (server). Types,
/// functions and schemas stay.
void drop_tables(pg::Connection& target, const std::vector<Table>& tables, bool certain,
                 const SchemaOptions& options);

}  // namespace pgstride::target
