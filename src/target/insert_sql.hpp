// The statements that put rows into a target table beside those that are there: INSERT with a
// conflict clause, by itself or out of a temporary table. Pure functions; any thread. All names in
// them are qualified: they mean the same under any search_path.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "target/conflict_key.hpp"
#include "target/target_table.hpp"

namespace pgstride::target {

/// What a row does that meets one of the same key.
enum class ConflictClause {
  none,        ///< fails the statement
  do_nothing,  ///< the target's row stays
  update       ///< takes the new row's values
};

/// Where and how rows are inserted.
struct InsertInto {
  const TargetTable* target = nullptr;
  std::vector<std::string> columns;  ///< loaded
  std::vector<std::string> touch;    ///< columns set to now() whatever the row says
  ConflictClause clause = ConflictClause::none;
  /// Needed for `update`; with `do_nothing` any unique key counts, unless one is deferrable.
  std::optional<ConflictKey> key;
};

/// Throws Error (usage) where the combination can't work: no key to update by, a deferrable key in
/// the way, a touched column that is not there, generated, part of the key or an identity.
void check_insert(const InsertInto& insert);

/// A value as text, or NULL.
using Value = std::optional<std::string_view>;

/// INSERT … VALUES (…), (…) with the values as literals (so their number has no limit), identities
/// given. Its command tag counts the rows written: with `do_nothing` the others were ignored. With
/// `update` two rows of one key are an error (21000); see StagedLoad.
std::string insert_statement(const InsertInto& insert, const std::vector<std::vector<Value>>& rows);

/// A batch that goes through a temporary table, all in one transaction: create, COPY into it,
/// drop_duplicates, (take_conflicts,) merge; COMMIT drops it.
struct StagedLoad {
  TableName stage;  ///< where COPY goes, with InsertInto::columns
  std::string create;
  /// Of two rows with one key the later stays; its command tag counts those that went. Empty
  /// without a key.
  std::string drop_duplicates;
  /// A query for the number that the first row has there, before any is dropped; those behind it
  /// follow without a gap.
  std::string first_row;
  /// Takes the rows out whose key the target has, returning each one's number and columns: a query
  /// for COPY … TO. Empty without a key.
  std::string take_conflicts;
  /// Its command tag counts the rows written; where it may ignore some, those missing were.
  std::string merge;
  /// It ends in ON CONFLICT DO NOTHING: as asked, or as an update would have nothing to set.
  bool may_ignore = false;
  /// After a merge that may ignore rows: a query for how many rows no key of the target's accounts
  /// for, so that a trigger or a rule must have dropped them. Empty where there is none, or nobody
  /// can tell.
  std::string count_dropped;
};

StagedLoad staged_load(const InsertInto& insert);

/// Columns that rows keep that are there: identities that are GENERATED ALWAYS, which UPDATE can't
/// set.
std::vector<std::string> kept_identities(const InsertInto& insert);

/// True if an INSERT of the above may put rows in the place of others.
bool updates_rows(const InsertInto& insert);

/// An INSERT of the above that updates rows, as a query for how many it wrote, and how many of them
/// were in the place of one. Empty where the server can't tell the second: only a plain table's
/// rows have an xmax, which a row that is new lacks (ExecOnConflictUpdate locks the old one first).
std::string counting_updates(const InsertInto& insert, const std::string& sql);

}  // namespace pgstride::target
