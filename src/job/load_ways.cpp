#include "job/load_ways.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pg/quote.hpp"
#include "pgstride/error.hpp"
#include "target/conflict_key.hpp"
#include "target/insert_sql.hpp"

namespace pgstride::job {

namespace {

using target::ConflictClause;
using transfer::LoadKind;

/// What `auto` stands for.
struct Chosen {
  LoadKind kind;
  OnConflict on_conflict;
};

Chosen chosen(const LoadOptions& load, bool held_rows) {
  switch (load.mode) {
  case LoadMode::copy:
    return {LoadKind::copy, OnConflict::error};
  case LoadMode::insert:
    return {LoadKind::insert, load.on_conflict};
  case LoadMode::upsert:
    break;
  case LoadMode::automatic:
    if (load.on_conflict == OnConflict::error && !held_rows) {
      return {load.touch.empty() ? LoadKind::copy : LoadKind::stage, OnConflict::error};
    }
    break;
  }
  return {LoadKind::stage,
          load.on_conflict == OnConflict::error ? OnConflict::replace : load.on_conflict};
}

bool has_key(const target::TargetTable& table, const std::vector<std::string>& wanted) {
  auto columns = wanted;
  std::sort(columns.begin(), columns.end());
  return std::any_of(table.unique_indexes.begin(), table.unique_indexes.end(),
                     [&](const auto& index) {
                       auto own = index.columns;
                       std::sort(own.begin(), own.end());
                       return own == columns;
                     });
}

// --key names what a table is cut by, too: where that is no unique key of the target, its primary
// key counts.
target::ConflictKey key_of(const WayInto& into) {
  const auto& table = *into.target;
  const bool primary = !table.unique_indexes.empty() && table.unique_indexes.front().primary;
  return target::choose_conflict_key(
      table, into.columns,
      has_key(table, into.key) || !primary ? into.key : std::vector<std::string>{});
}

ConflictClause clause_of(OnConflict on_conflict) {
  switch (on_conflict) {
  case OnConflict::ignore:
    return ConflictClause::do_nothing;
  case OnConflict::replace:
    return ConflictClause::update;
  case OnConflict::error:
  case OnConflict::skip:  // its conflicts are taken out before
    break;
  }
  return ConflictClause::none;
}

void set_key(transfer::LoadWay& way, OnConflict on_conflict, const WayInto& into) {
  auto& insert = way.insert;
  switch (on_conflict) {
  case OnConflict::error:
    break;
  case OnConflict::ignore:  // any unique key counts: one is needed to tell them apart only
    insert.key = target::find_conflict_key(*into.target, into.columns);
    break;
  case OnConflict::replace:
  case OnConflict::skip:
    insert.key = key_of(into);
    break;
  }
}

void check_rows(const WayInto& into) {
  if (into.rows.format == Format::binary) {
    throw Error(ErrorKind::usage,
                into.target->name.display() + " can be loaded from binary files by COPY only",
                "load them with --mode copy, or export as csv or text");
  }
}

void check_rejects(const LoadOptions& load, const WayInto& into) {
  if (!into.known_rows && (load.reject_limit || load.on_conflict == OnConflict::skip)) {
    throw Error(ErrorKind::usage,
                "rows of files with --quote, --escape or --encoding can't be rejected one by one",
                "leave --reject-limit out, or convert the files first");
  }
}

}  // namespace

void check_load(const LoadOptions& load) {
  const auto refuse = [](const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::usage, what, hint);
  };
  if (load.mode == LoadMode::copy && load.on_conflict != OnConflict::error) {
    refuse("--mode copy knows no conflicts: --on-conflict can't be had with it",
           "leave --mode out, or use --mode insert or upsert");
  }
  if (load.mode == LoadMode::copy && !load.touch.empty()) {
    refuse("--mode copy takes rows as they are: --touch can't be had with it",
           "leave --mode out, or use --mode insert or upsert");
  }
  if (load.create_schema &&
      (load.mode == LoadMode::upsert || load.on_conflict != OnConflict::error)) {
    refuse(
        "tables that --create-schema makes get their keys once the rows are there, so rows can't "
        "be compared by them",
        "leave --mode and --on-conflict out");
  }
  if (load.batch_rows < 1 || load.min_batch_rows < 1) {
    refuse("a batch has one row at least",
           "--batch-rows 50000 --min-batch-rows 500 is the default");
  }
  if (load.reject_limit && *load.reject_limit < 0) {
    refuse("--reject-limit can't be negative", "0 is none");
  }
}

std::shared_ptr<const transfer::LoadWay> choose_way(const LoadOptions& load, const WayInto& into) {
  const auto [kind, on_conflict] = chosen(load, into.held_rows);
  if (kind != LoadKind::copy || load.reject_limit) {
    check_rows(into);
    check_rejects(load, into);
  }
  auto way = std::make_shared<transfer::LoadWay>();
  way->kind = kind == LoadKind::insert && !into.written_by_copy ? LoadKind::stage : kind;
  way->rows = into.rows;
  way->dialect = into.dialect;
  way->table = std::make_shared<const target::TargetTable>(*into.target);
  way->insert.target = way->table.get();
  way->insert.columns = into.columns;
  const target::CopyIn copy{into.rows.format, false, into.copy_options};
  way->table_sql = target::copy_statement(into.target->name, into.columns, copy);
  if (kind == LoadKind::copy) {
    return way;
  }
  way->skip = on_conflict == OnConflict::skip;
  way->insert.touch = load.touch;
  way->insert.clause = clause_of(on_conflict);
  try {
    set_key(*way, on_conflict, into);
    way->staged = target::staged_load(way->insert);
  } catch (const Error& error) {
    if (load.mode != LoadMode::automatic || load.on_conflict != OnConflict::error ||
        !load.touch.empty()) {
      throw;
    }
    if (into.entered) {
      // Rows of others came between the first plan and the first chunk: it was COPY then.
      auto as_planned = into;
      as_planned.held_rows = false;
      return choose_way(load, as_planned);
    }
    throw Error(ErrorKind::usage,
                fmt::format("{} holds rows already, and they can't be told from the source's: {}",
                            into.target->name.display(), error.what()),
                "--mode copy adds rows beside them, --truncate takes them out first; " +
                    error.hint());
  }
  way->stage_sql = target::copy_statement(way->staged->stage, into.columns, copy);
  return way;
}

std::vector<target::Difference> way_differences(const transfer::LoadWay& way,
                                                pg::Connection& connection) {
  std::vector<target::Difference> out;
  if (way.kind == LoadKind::copy) {
    return out;
  }
  for (const auto& column : target::kept_identities(way.insert)) {
    out.push_back({target::Severity::warning,
                   fmt::format("column \"{}\" of {} is GENERATED ALWAYS AS IDENTITY: rows that are "
                               "there keep what they have in it",
                               column, way.table->name.display()),
                   fmt::format("run: ALTER TABLE {} ALTER {} SET GENERATED BY DEFAULT",
                               way.table->name.quoted(), pg::quote_identifier(column))});
  }
  if (way.staged->may_ignore && way.staged->count_dropped.empty() && !way.table->triggers.empty()) {
    out.push_back({target::Severity::warning,
                   fmt::format("rows that triggers of {} drop count as ignored: not all of its "
                               "unique keys can be asked",
                               way.table->name.display()),
                   "compare with `pgstride verify`, or load with --disable-triggers"});
  }
  const auto allowed = connection.exec(
      "SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMP'), "
      "pg_catalog.quote_ident(pg_catalog.current_database()), "
      "pg_catalog.quote_ident(current_user)");
  if (!allowed.boolean(0, 0)) {
    out.push_back(
        {target::Severity::error,
         fmt::format("rows of {} come through temporary tables, which {} may not make",
                     way.table->name.display(), allowed.text(0, 2)),
         fmt::format("run: GRANT TEMPORARY ON DATABASE {} TO {}; or load with --mode copy",
                     allowed.text(0, 1), allowed.text(0, 2))});
  }
  return out;
}

std::vector<std::string> needed_indexes(const transfer::LoadWay& way) {
  std::vector<std::string> names;
  if (way.kind == LoadKind::copy) {
    return names;
  }
  for (const auto& index : way.table->unique_indexes) {
    if (way.insert.clause == ConflictClause::do_nothing ||
        (way.insert.key && index.name == way.insert.key->index)) {
      names.push_back(index.name);
    }
  }
  return names;
}

}  // namespace pgstride::job
