#include "job/file_loads.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "job/freezing.hpp"
#include "job/load_plan.hpp"
#include "job/load_ways.hpp"
#include "pg/text_array.hpp"
#include "target/binary_safety.hpp"
#include "target/column_match.hpp"
#include "target/load_sql.hpp"

namespace pgstride::job {

namespace {

/// All tables against all targets.
class Planner {
 public:
  Planner(Job& job, const RowShape& shape, const std::vector<Table>& tables)
      : m_job(job), m_shape(shape), m_tables(tables) {}

  FileLoads run() {
    look_for_shared_targets();
    for (auto& target : m_job.targets) {
      if (!m_job.set_aside.contains({0, target.record.id})) {
        look_at(target);
      }
    }
    if (!m_errors.empty()) {
      throw Error(ErrorKind::usage, m_errors, "nothing was changed; make the tables fit first");
    }
    return std::move(m_loads);
  }

 private:
  // What one of two tables gives up could not be told from the other's rows.
  void look_for_shared_targets() {
    std::set<target::TableName> names;
    for (const auto& table : m_tables) {
      if (const auto name = target_name(m_job.load, table); !names.insert(name).second) {
        m_errors += fmt::format("{}two tables would be loaded into {}",
                                m_errors.empty() ? "" : "; ", name.display());
      }
    }
  }

  void look_at(JobTarget& target) {
    auto connection = m_job.connect_target(target, "plan");
    std::vector<target::TableName> names;
    for (const auto& table : m_tables) {
      names.push_back(target_name(m_job.load, table));
    }
    const auto facts = target::read_target_tables(connection, names);
    m_held_rows = known_to_hold_rows(target, connection);
    target.needed_indexes.clear();
    for (const auto& difference : order_differences(m_job.load, facts.tables)) {
      tell(target, difference);
    }
    for (std::size_t i = 0; i < m_tables.size(); ++i) {
      const auto& there = facts.tables[i];
      for (const auto& difference : target::table_differences(there)) {
        tell(target, difference);
      }
      if (there.exists()) {
        match(connection, target, m_tables[i], there, facts.types);
      }
    }
  }

  void match(pg::Connection& connection, JobTarget& target, const Table& table,
             const target::TargetTable& there, const target::Types& types) {
    auto source = table;
    const auto source_types = resolve_types(connection, source.columns, there, types);
    const auto matched = target::match_columns(source, source_types, there, types);
    for (const auto& difference : matched.differences) {
      tell(target, difference);
    }
    if (!matched.loadable()) {
      return;
    }
    std::vector<bool> keep;
    for (const auto& column : table.columns) {
      keep.push_back(std::any_of(
          matched.columns.begin(), matched.columns.end(),
          [&](const target::ColumnPair& pair) { return pair.source.name == column.name; }));
    }
    check_binary(target, matched, source_types, connection.server_version());
    add_load(target, table, there, matched, keep);
    if (const auto& way = m_loads[table.id].ways[target.record.id]) {
      for (const auto& difference : way_differences(*way, connection)) {
        tell(target, difference);
      }
    }
  }

  // The types of the files' columns as this target knows them: the files have their names only.
  // What has no such name here is taken for the target's own type.
  static target::Types resolve_types(pg::Connection& connection, std::vector<Column>& columns,
                                     const target::TargetTable& there, const target::Types& types) {
    std::vector<std::string> names;
    names.reserve(columns.size());
    for (const auto& column : columns) {
      names.push_back(column.type);
    }
    const auto found = connection.query(
        R"sql(
      SELECT pg_catalog.to_regtype(NULLIF(t.name, ''))::pg_catalog.oid
      FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS t (name, position)
      ORDER BY t.position
    )sql",
        {pg::array_text(names)});
    std::vector<std::uint32_t> oids;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto row = static_cast<int>(i);
      auto& column = columns[i];
      const auto* other = there.column(column.name);
      if (!found.is_null(row, 0)) {
        column.type_oid = static_cast<std::uint32_t>(found.int64(row, 0));
      } else if (other != nullptr) {
        column.type_oid = other->type_oid;
        column.type = other->type;
      }
      oids.push_back(column.type_oid);
    }
    auto known = target::read_types(connection, oids);
    known.insert(types.begin(), types.end());
    return known;
  }

  // COPY's binary form means nothing to another type.
  void check_binary(const JobTarget& target, const target::MatchedColumns& matched,
                    const target::Types& source_types, int version) {
    if (m_shape.format != Format::binary) {
      return;
    }
    // Into the database that it came from, a name's OID is still that name's.
    const bool elsewhere = target.record.system_identifier != m_job.record.system_identifier ||
                           target.record.database != m_job.record.database;
    const auto written_by = m_shape.server_version;
    const auto changed = written_by > 0 && elsewhere
                             ? target::changed_meaning(matched, source_types, written_by, version)
                             : std::string();
    if (!changed.empty()) {
      tell(target, {target::Severity::error,
                    changed + ", which in binary files mean something else on another server",
                    "export as csv or text"});
    }
    for (const auto& [column, other] : matched.columns) {
      if (column.type_oid != other.type_oid) {
        tell(target, {target::Severity::error,
                      fmt::format("column \"{}\" is of type {} in binary files and {} on the "
                                  "target",
                                  column.name, column.type, other.type),
                      "give it the same type, or export as csv or text"});
      }
    }
  }

  void add_load(JobTarget& target, const Table& table, const target::TargetTable& there,
                const target::MatchedColumns& matched, const std::vector<bool>& keep) {
    auto& load = m_loads[table.id];
    const bool all = std::find(keep.begin(), keep.end(), false) == keep.end();
    if (!load.copy_sql.empty() && (load.kept ? load.kept->keep != keep : !all)) {
      m_errors += fmt::format("{}table {}: the targets take different columns of it",
                              m_errors.empty() ? "" : "; ", table.display_name());
      return;
    }
    if (!all && !m_shape.known_dialect) {
      m_errors += fmt::format("{}the target generates columns of table {} that the file has, which "
                              "can't be left out of rows with --quote, --escape or --encoding",
                              m_errors.empty() ? "" : "; ", table.display_name());
      return;
    }
    target::CopyIn copy{m_shape.format, false, m_shape.copy_options};
    if (!all) {
      format::KeptColumns kept;
      kept.format.format = m_shape.format;
      kept.format.delimiter = m_shape.delimiter;
      kept.format.null = m_shape.null;
      kept.format.columns = static_cast<int>(table.columns.size());
      kept.keep = keep;
      load.kept = std::make_shared<const format::KeptColumns>(std::move(kept));
      copy = {format::filtered_format(m_shape.format), false, ""};
    }
    load.copy_sql[target.record.id] = target::copy_statement(there.name, matched.names(), copy);
    if (may_freeze(m_job.load, there)) {
      auto frozen = copy;
      frozen.freeze = true;
      load.frozen[target.record.id] = {there.name,
                                       target::copy_statement(there.name, matched.names(), frozen)};
    }
    choose(target, table, there, matched, all, copy);
  }

  void choose(JobTarget& target, const Table& table, const target::TargetTable& there,
              const target::MatchedColumns& matched, bool all, const target::CopyIn& copy) {
    WayInto into;
    into.target = &there;
    into.columns = matched.names();
    const auto known = m_held_rows.find(table_key(table));
    into.entered = known != m_held_rows.end();
    into.held_rows = known != m_held_rows.end()
                         ? known->second
                         : !m_job.load.truncate && there.has_rows.value_or(true);
    into.rows.format = copy.format;
    into.rows.delimiter = all ? m_shape.delimiter : copy.format == Format::csv ? ',' : '\t';
    into.rows.null = all ? m_shape.null : copy.format == Format::csv ? "" : "\\N";
    into.rows.columns = static_cast<int>(into.columns.size());
    into.dialect = {copy.format, into.rows.delimiter, all ? m_shape.quote : '"',
                    all ? m_shape.escape : '"'};
    into.copy_options = copy.options;
    into.known_rows = !all || m_shape.known_dialect;
    into.written_by_copy = !all || m_shape.written_by_copy;
    try {
      auto way = choose_way(m_job.load, into);
      for (auto& index : needed_indexes(*way)) {
        target.needed_indexes.emplace_back(there.name, std::move(index));
      }
      m_loads[table.id].ways[target.record.id] = std::move(way);
    } catch (const Error& error) {
      tell(target, {target::Severity::error, error.what(), error.hint()});
    }
  }

  void tell(const JobTarget& target, const target::Difference& difference) {
    if (difference.severity == target::Severity::note) {
      return;
    }
    const auto message = fmt::format("target {}: {}", target.record.id, difference.message);
    if (difference.severity == target::Severity::error) {
      m_errors += (m_errors.empty() ? "" : "; ") + message +
                  (difference.hint.empty() ? "" : " (" + difference.hint + ")");
    } else if (m_job.record.state.empty()) {
      m_job.warn(message, difference.hint);
    }
  }

  Job& m_job;
  const RowShape& m_shape;
  const std::vector<Table>& m_tables;
  FileLoads m_loads;
  std::map<std::string, bool> m_held_rows;  ///< on the target that is looked at
  std::string m_errors;
};

}  // namespace

FileLoads plan_file_loads(Job& job, const RowShape& shape, const std::vector<Table>& tables) {
  return Planner(job, shape, tables).run();
}

}  // namespace pgstride::job
