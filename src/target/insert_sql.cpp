#include "target/insert_sql.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pg/quote.hpp"

namespace pgstride::target {

namespace {

constexpr const char* k_now = "pg_catalog.now()";

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string listed(const std::vector<std::string>& columns, const char* prefix = "") {
  std::string out;
  for (const auto& column : columns) {
    out += (out.empty() ? "" : ", ") + (prefix + pg::quote_identifier(column));
  }
  return out;
}

// The loaded columns and those that are only touched.
std::vector<std::string> written_columns(const InsertInto& insert) {
  auto columns = insert.columns;
  for (const auto& column : insert.touch) {
    if (!has(columns, column)) {
      columns.push_back(column);
    }
  }
  return columns;
}

std::string head(const InsertInto& insert) {
  return fmt::format("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE ", insert.target->name.quoted(),
                     listed(written_columns(insert)));
}

// An identity that is GENERATED ALWAYS can be given to a new row, not to one that is there.
std::string assignments(const InsertInto& insert) {
  std::string out;
  for (const auto& column : written_columns(insert)) {
    const auto* fact = insert.target->column(column);
    if (!has(insert.key->columns, column) && (fact == nullptr || fact->identity != 'a')) {
      const auto name = pg::quote_identifier(column);
      out += fmt::format("{}{} = EXCLUDED.{}", out.empty() ? "" : ", ", name, name);
    }
  }
  return out;
}

std::string conflict_clause(const InsertInto& insert) {
  if (insert.clause == ConflictClause::none) {
    return "";
  }
  const auto by_key = insert.key ? " ON CONFLICT (" + listed(insert.key->columns) + ")" : "";
  if (insert.clause == ConflictClause::update) {
    const auto set = assignments(insert);
    return by_key + (set.empty() ? " DO NOTHING" : " DO UPDATE SET " + set);
  }
  return (any_conflict_detectable(*insert.target) ? " ON CONFLICT" : by_key) + " DO NOTHING";
}

// A name of ours that is no column of the target's.
std::string row_column(const TargetTable& target) {
  std::string name = "pgstride_row";
  while (target.column(name) != nullptr) {
    name += "_";
  }
  return name;
}

// A NULL there is no mistake of the row's if something else comes in its place.
bool must_come_filled(const InsertInto& insert, const TargetColumn& column) {
  return column.not_null && insert.target->triggers.empty() && !has(insert.touch, column.name);
}

// With the types, collations and NOT NULLs of the target, so that COPY finds what is wrong with a
// row and says in which line; the defaults of other columns are the target's business.
std::string create_stage(const InsertInto& insert, const TableName& stage, const std::string& row) {
  std::string columns;
  for (const auto& name : insert.columns) {
    const auto* column = insert.target->column(name);
    if (column == nullptr) {
      throw Error(ErrorKind::internal,
                  fmt::format("no column \"{}\" in {}", name, insert.target->name.display()));
    }
    columns += fmt::format("{} {}{}{}, ", pg::quote_identifier(name), column->type,
                           column->collation.empty() ? "" : " COLLATE " + column->collation,
                           must_come_filled(insert, *column) ? " NOT NULL" : "");
  }
  return fmt::format("CREATE TEMPORARY TABLE {} ({}{} bigint GENERATED ALWAYS AS IDENTITY) "
                     "ON COMMIT DROP",
                     stage.quoted(), columns, row);
}

std::string collated(const ConflictKey& key, std::size_t i, const std::string& prefix = "") {
  return prefix + pg::quote_identifier(key.columns[i]) +
         (key.collations[i].empty() ? "" : " COLLATE " + key.collations[i]);
}

std::string null_test(const ConflictKey& key, const char* test, const char* joined_by,
                      const std::string& prefix = "") {
  std::string out;
  for (const auto& column : key.columns) {
    out += (out.empty() ? "" : joined_by) + prefix + pg::quote_identifier(column) + test;
  }
  return out;
}

// Compared by PARTITION BY, that is by the default operator class of each type, whatever the
// search_path; `=` by name would be text's for citext. Rows with a NULL in the key are no
// duplicates, unless the index says so.
std::string drop_duplicates(const ConflictKey& key, const TableName& stage,
                            const std::string& row) {
  std::string columns;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    columns += (i == 0 ? "" : ", ") + collated(key, i);
  }
  return fmt::format(
      R"sql(
    DELETE FROM {stage} WHERE {row} IN (
      SELECT numbered.{row}
      FROM (SELECT {row}, pg_catalog.row_number() OVER (PARTITION BY {columns}
                                                        ORDER BY {row} DESC) AS place
            FROM {stage}{not_null}) numbered
      WHERE numbered.place > 1)
  )sql",
      fmt::arg("stage", stage.quoted()), fmt::arg("row", row), fmt::arg("columns", columns),
      fmt::arg("not_null",
               key.nulls_distinct ? " WHERE " + null_test(key, " IS NOT NULL", " AND ") : ""));
}

bool null_is_a_value(const InsertInto& insert, const ConflictKey& key, std::size_t i) {
  return !key.nulls_distinct && !insert.target->column(key.columns[i])->not_null;
}

// By sets of the key's columns, as bits: those that may be NULL in rows that are in conflict. Of
// many columns only the first few are told apart.
std::vector<std::size_t> null_sets(const InsertInto& insert, const ConflictKey& key) {
  constexpr std::size_t k_most_sets = 16;
  std::vector<std::size_t> sets{0};
  for (std::size_t i = 0; i < key.columns.size() && sets.size() < k_most_sets; ++i) {
    const auto count = null_is_a_value(insert, key, i) ? sets.size() : 0;
    for (std::size_t k = 0; k < count; ++k) {
      sets.push_back(sets[k] | std::size_t{1} << i);
    }
  }
  return sets;
}

// `there` has a row of the key of `staged`, where just these columns are NULL. As long as only AND
// joins the conditions an index or a hash can answer.
std::string has_key(const InsertInto& insert, const ConflictKey& key, std::size_t nulls) {
  const auto apart = null_sets(insert, key).back();
  std::string same;
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const auto bit = std::size_t{1} << i;
    const auto name = pg::quote_identifier(key.columns[i]);
    const auto equal =
        fmt::format("{} {} staged.{}", collated(key, i, "there."), key.operators[i], name);
    const auto both_null = fmt::format("there.{0} IS NULL AND staged.{0} IS NULL", name);
    same += same.empty() ? "" : " AND ";
    if ((nulls & bit) != 0) {
      same += both_null;
    } else if ((apart & bit) == 0 && null_is_a_value(insert, key, i)) {
      same += "(" + equal + " OR (" + both_null + "))";
    } else {
      same += equal;
    }
  }
  return fmt::format("EXISTS (SELECT FROM {} AS there WHERE {})", insert.target->name.quoted(),
                     same);
}

std::string take_conflicts(const InsertInto& insert, const TableName& stage,
                           const std::string& row) {
  std::string rows;
  for (const auto nulls : null_sets(insert, *insert.key)) {
    rows += fmt::format("{}SELECT staged.{} FROM {} AS staged WHERE {}",
                        rows.empty() ? "" : " UNION ALL ", row, stage.quoted(),
                        has_key(insert, *insert.key, nulls));
  }
  return fmt::format("DELETE FROM {} AS taken WHERE taken.{} IN ({}) RETURNING taken.{}, {}",
                     stage.quoted(), row, rows, row, listed(insert.columns, "taken."));
}

// Any index that is not over plain columns that are loaded may be what a row was ignored for.
bool can_tell_ignored(const InsertInto& insert) {
  const auto& indexes = insert.target->unique_indexes;
  return std::all_of(indexes.begin(), indexes.end(), [&](const UniqueIndex& index) {
    return !index.partial && !index.expressions && !index.exclusion &&
           std::all_of(index.columns.begin(), index.columns.end(),
                       [&](const auto& column) { return has(insert.columns, column); });
  });
}

// Rows with a NULL in the key are left out, as they are not found again.
std::string count_dropped(const InsertInto& insert, const TableName& stage) {
  if (insert.target->triggers.empty() || !can_tell_ignored(insert)) {
    return "";
  }
  std::string found;
  for (const auto& index : insert.target->unique_indexes) {
    const auto key = key_of(index);
    for (const auto nulls : null_sets(insert, key)) {
      found += " AND NOT " + has_key(insert, key, nulls);
    }
  }
  return fmt::format("SELECT pg_catalog.count(*) FROM {} AS staged WHERE {}{}", stage.quoted(),
                     null_test(*insert.key, " IS NOT NULL", " AND ", "staged."), found);
}

// In the order of the key an update locks rows alike in all workers; each key comes once then.
std::string in_order(const InsertInto& insert) {
  if (insert.clause != ConflictClause::update) {
    return "";
  }
  return " ORDER BY " + listed(insert.key->columns);
}

std::string merge(const InsertInto& insert, const TableName& stage) {
  std::string values;
  for (const auto& column : written_columns(insert)) {
    values += (values.empty() ? "" : ", ") +
              (has(insert.touch, column) ? k_now : pg::quote_identifier(column));
  }
  return head(insert) + "SELECT " + values + " FROM " + stage.quoted() + in_order(insert) +
         conflict_clause(insert);
}

void check_touch(const InsertInto& insert) {
  for (const auto& name : insert.touch) {
    const auto* column = insert.target->column(name);
    const auto place = fmt::format("column \"{}\" of {}", name, insert.target->name.display());
    const char* hint = "--touch names a column that holds the time of the last change";
    if (column == nullptr) {
      throw Error(ErrorKind::usage, fmt::format("there is no {} on the target", place), hint);
    }
    if (column->generated || column->identity != 0) {
      throw Error(ErrorKind::usage, place + " can't be set to now(): it is generated", hint);
    }
    if (insert.key && has(insert.key->columns, name)) {
      throw Error(ErrorKind::usage, place + " can't be set to now(): it belongs to the key", hint);
    }
  }
}

}  // namespace

void check_insert(const InsertInto& insert) {
  const auto name = insert.target->name.display();
  if (insert.columns.empty()) {
    throw Error(ErrorKind::usage, name + " has no column to insert into",
                "load it with --mode copy");
  }
  if (insert.clause == ConflictClause::update && !insert.key) {
    throw Error(ErrorKind::usage, name + " has no unique key that rows can be compared by",
                "upsert needs a primary key or a plain unique index on the target");
  }
  if (insert.clause == ConflictClause::do_nothing && !insert.key &&
      !any_conflict_detectable(*insert.target)) {
    throw Error(ErrorKind::usage,
                name + " has a deferrable unique key, which ON CONFLICT can't look at",
                "give it a primary key or a plain unique index, or load with --on-conflict error");
  }
  check_touch(insert);
}

std::string insert_statement(const InsertInto& insert,
                             const std::vector<std::vector<Value>>& rows) {
  std::string sql = head(insert) + "VALUES ";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    sql += i == 0 ? "(" : ", (";
    for (std::size_t k = 0; k < insert.columns.size(); ++k) {
      sql += k == 0 ? "" : ", ";
      if (has(insert.touch, insert.columns[k])) {
        sql += k_now;
      } else {
        sql += rows[i][k] ? pg::quote_literal(*rows[i][k]) : "NULL";
      }
    }
    for (auto extra = insert.columns.size(); extra < written_columns(insert).size(); ++extra) {
      sql += std::string(", ") + k_now;
    }
    sql += ")";
  }
  return sql + conflict_clause(insert);
}

StagedLoad staged_load(const InsertInto& insert) {
  check_insert(insert);
  StagedLoad load;
  load.stage = {"pg_temp", "pgstride_stage"};
  const auto row = row_column(*insert.target);
  load.create = create_stage(insert, load.stage, row);
  load.first_row = fmt::format("SELECT pg_catalog.min({}) FROM {}", row, load.stage.quoted());
  if (insert.key) {
    load.drop_duplicates = drop_duplicates(*insert.key, load.stage, row);
    load.take_conflicts = take_conflicts(insert, load.stage, row);
  }
  load.merge = merge(insert, load.stage);
  load.may_ignore = insert.clause == ConflictClause::do_nothing ||
                    (insert.clause == ConflictClause::update && assignments(insert).empty());
  if (load.may_ignore && insert.key) {
    load.count_dropped = count_dropped(insert, load.stage);
  }
  return load;
}

std::vector<std::string> kept_identities(const InsertInto& insert) {
  std::vector<std::string> kept;
  for (const auto& name : insert.columns) {
    const auto* column = insert.target->column(name);
    if (insert.clause == ConflictClause::update && !has(insert.key->columns, name) &&
        column != nullptr && column->identity == 'a') {
      kept.push_back(name);
    }
  }
  return kept;
}

bool updates_rows(const InsertInto& insert) {
  return insert.clause == ConflictClause::update && !assignments(insert).empty();
}

std::string counting_updates(const InsertInto& insert, const std::string& sql) {
  if (insert.target->kind != 'r') {
    return "";
  }
  return fmt::format(R"sql(
    WITH written AS ({} RETURNING xmax <> 0 AS updated)
    SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE updated) FROM written
  )sql",
                     sql);
}

}  // namespace pgstride::target
