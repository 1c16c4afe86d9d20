#include "job/load_plan.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "job/freezing.hpp"
#include "job/load_ways.hpp"
#include "job/range_check.hpp"
#include "pg/quote.hpp"
#include "plan/pattern.hpp"
#include "plan/table_options.hpp"
#include "target/binary_safety.hpp"
#include "target/load_order.hpp"
#include "target/load_sql.hpp"
#include "target/nested_tables.hpp"

namespace pgstride::job {

namespace {

target::Types source_types(pg::Connection& source, const std::vector<Table>& tables) {
  std::set<std::uint32_t> oids;
  for (const auto& table : tables) {
    for (const auto& column : table.columns) {
      oids.insert(column.type_oid);
    }
  }
  return target::read_types(source, {oids.begin(), oids.end()});
}

/// All tables against all targets.
class Planner {
 public:
  Planner(Job& job, pg::Connection& source, const std::vector<Table>& tables)
      : m_job(job), m_source(source), m_tables(tables), m_types(source_types(source, tables)),
        m_matches(tables.size()) {}

  LoadPlan run() {
    look_for_shared_targets();
    for (auto& target : m_job.targets) {
      if (!m_job.set_aside.contains({0, target.record.id})) {
        look_at(target);
      }
    }
    if (!m_errors.empty()) {
      const bool made =
          std::any_of(m_job.targets.begin(), m_job.targets.end(),
                      [](const auto& target) { return !target.record.schema_state.empty(); });
      throw Error(ErrorKind::usage, m_errors,
                  made ? "the tables were made as the source's were then; make them fit, or begin "
                         "again with --restart, which drops them"
                       : "nothing was changed; make the tables fit first");
    }
    LoadPlan plan;
    for (std::size_t i = 0; i < m_tables.size(); ++i) {
      plan.emplace(m_tables[i].id, load_of(i));
    }
    return plan;
  }

 private:
  struct Match {
    std::int64_t target_id;
    target::TableName name;
    target::MatchedColumns columns;
    target::WireFormat wire;
    bool may_freeze = false;
    std::shared_ptr<const transfer::LoadWay> way;
  };

  // What one of two tables gives up could not be told from the other's rows.
  void look_for_shared_targets() {
    std::map<target::TableName, const Table*> loaded;
    for (const auto& table : m_tables) {
      const auto name = target_name(m_job.load, table);
      const auto [first, is_new] = loaded.emplace(name, &table);
      if (!is_new && table_key(*first->second) != table_key(table)) {
        m_errors += fmt::format("{}tables {} and {} would both be loaded into {}",
                                m_errors.empty() ? "" : "; ", first->second->display_name(),
                                table.display_name(), name.display());
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
    std::set<std::string> told;  // leaves of one parent go into one table
    m_held_rows = known_to_hold_rows(target, connection);
    for (const auto& difference : order_differences(m_job.load, facts.tables)) {
      tell(target, difference, told);
    }
    target.needed_indexes.clear();
    for (const auto& [part, whole] : target::nested_tables(connection, names)) {
      tell(target,
           {target::Severity::error,
            fmt::format("table {} is a partition of {} there, which the job loads too",
                        part.display(), whole.display()),
            "leave one of the two out with -T"},
           told);
    }
    for (std::size_t i = 0; i < m_tables.size(); ++i) {
      const auto& table = m_tables[i];
      const auto& there = facts.tables[i];
      auto differences = target::table_differences(there);
      if (auto child = child_difference(table)) {
        differences.push_back(std::move(*child));
      }
      Match match{target.record.id, names[i], {}, {}, false, nullptr};
      match.may_freeze = may_freeze(m_job.load, there);
      if (there.exists()) {
        match.columns = target::match_columns(table, m_types, there, facts.types);
        const auto& more = match.columns.differences;
        differences.insert(differences.end(), more.begin(), more.end());
        match.wire = target::choose_wire_format(match.columns, m_types, m_source.server_version(),
                                                facts.types, connection.server_version());
        if (match.columns.loadable() && m_job.record.state != "done") {
          choose(target, match, table, there, differences);
          if (match.way) {
            const auto told_of_way = way_differences(*match.way, connection);
            differences.insert(differences.end(), told_of_way.begin(), told_of_way.end());
          }
        }
      }
      for (const auto& difference : differences) {
        tell(target, difference, told);
      }
      m_matches[i].push_back(std::move(match));
    }
  }

  void choose(JobTarget& target, Match& match, const Table& table, const target::TargetTable& there,
              std::vector<target::Difference>& differences) const {
    WayInto into;
    into.target = &there;
    into.columns = match.columns.names();
    if (const auto* option = plan::option_for(m_job.chunk.keys, table)) {
      into.key = plan::parse_names(option->value, ',');
    }
    const auto known = m_held_rows.find(table_key(table));
    into.entered = known != m_held_rows.end();
    into.held_rows =
        into.entered ? known->second : !m_job.load.truncate && there.has_rows.value_or(true);
    into.dialect = {Format::text, '\t'};
    into.rows = {Format::text, false, '\t', "\\N", static_cast<int>(into.columns.size())};
    try {
      match.way = choose_way(m_job.load, into);
    } catch (const Error& error) {
      differences.push_back({target::Severity::error, error.what(), error.hint()});
    }
    if (match.way) {
      for (auto& index : needed_indexes(*match.way)) {
        target.needed_indexes.emplace_back(match.name, std::move(index));
      }
    }
  }

  void tell(const JobTarget& target, const target::Difference& difference,
            std::set<std::string>& told) {
    if (difference.severity == target::Severity::note || !told.insert(difference.message).second) {
      return;
    }
    const auto message = fmt::format("target {}: {}", target.record.id, difference.message);
    if (difference.severity == target::Severity::error) {
      m_errors += (m_errors.empty() ? "" : "; ") + message +
                  (difference.hint.empty() ? "" : " (" + difference.hint + ")");
    } else if (m_job.record.state.empty() || m_job.record.state == "planned") {
      m_job.warn(message, difference.hint);
    }
  }

  // One reading serves all targets: the columns that each takes, binary only where each can.
  [[nodiscard]] TableLoad load_of(std::size_t index) const {
    TableLoad load;
    load.wire = Format::binary;
    const auto& matches = m_matches[index];
    for (const auto& match : matches) {
      if (match.wire.format != Format::binary && load.wire == Format::binary) {
        load.wire = Format::text;
        load.reason = match.wire.reason;
      }
      if (match.columns.names() != matches.front().columns.names()) {
        throw Error(ErrorKind::usage,
                    fmt::format("table {}: the targets take different columns of it",
                                m_tables[index].display_name()),
                    "name those that all have with --columns");
      }
    }
    for (const auto& pair : matches.front().columns.columns) {
      load.columns.push_back(pair.source);
    }
    for (const auto& match : matches) {
      load.copy_sql[match.target_id] =
          target::copy_statement(match.name, match.columns.names(), {load.wire});
      if (match.may_freeze) {
        load.frozen[match.target_id] = {
            match.name,
            target::copy_statement(match.name, match.columns.names(), {load.wire, true})};
      }
      if (match.way && can_ask_by_range(m_job.load, m_tables[index], *match.way)) {
        load.by_range[match.target_id] = match.name;
      }
      load.ways[match.target_id] = match.way;
    }
    return load;
  }

  Job& m_job;
  pg::Connection& m_source;
  const std::vector<Table>& m_tables;
  target::Types m_types;
  std::vector<std::vector<Match>> m_matches;  ///< by index of the table
  std::map<std::string, bool> m_held_rows;    ///< on the target that is looked at
  std::string m_errors;
};

}  // namespace

// It may have columns of its own, and its rows would change their table.
std::optional<target::Difference> child_difference(const Table& table) {
  if (table.kind != RelationKind::table || !table.is_leaf()) {
    return std::nullopt;
  }
  return target::Difference{target::Severity::error,
                            fmt::format("{} inherits from {}, whose table its rows would go into",
                                        table.leaf_display_name(), table.display_name()),
                            fmt::format("leave it out with -T {}, and copy it in a job of its own",
                                        table.leaf_display_name())};
}

std::string table_key(const Table& table) {
  return pg::quote_qualified(table.schema, table.name);
}

target::TableName target_name(const LoadOptions& load, const Table& table) {
  for (const auto& [from, to] : load.map) {
    if (from != table.display_name() && from != table.name) {
      continue;
    }
    const auto dot = to.find('.');
    return dot == std::string::npos ? target::TableName{table.schema, to}
                                    : target::TableName{to.substr(0, dot), to.substr(dot + 1)};
  }
  return {table.schema, table.name};
}

void check_map(Job& job) {
  for (const auto& [from, to] : job.load.map) {
    std::set<std::string> found;
    for (const auto& record : job.store->tables()) {
      if (from == record.table.display_name() || from == record.table.name) {
        found.insert(record.table.display_name());
      }
    }
    if (found.size() != 1) {
      throw Error(ErrorKind::usage,
                  fmt::format("--map {}={}: {}", from, to,
                              found.empty() ? "no such table is chosen"
                                            : "more than one chosen table has this name"),
                  "write schema.table as plan shows it");
    }
  }
}

std::vector<target::TableName> target_names(Job& job) {
  std::set<target::TableName> names;
  for (const auto& record : job.store->tables()) {
    if (record.state != "removed") {
      names.insert(target_name(job.load, record.table));
    }
  }
  return {names.begin(), names.end()};
}

std::map<std::string, std::int64_t> root_generations(checkpoint::CheckpointStore& store,
                                                     std::int64_t target_id) {
  const auto of_leaves = store.generations(target_id);
  std::map<std::string, std::int64_t> generations;
  for (const auto& record : store.tables()) {
    auto& generation = generations[table_key(record.table)];
    generation = std::max(generation, of_leaves.at(record.table.id));
  }
  return generations;
}

std::map<std::string, bool> known_to_hold_rows(const JobTarget& target,
                                               pg::Connection& connection) {
  std::map<std::string, bool> known;
  for (const auto& table : target.book->tables(connection)) {
    known[table.key] = table.base == target::TableBase::held_rows;
  }
  return known;
}

std::vector<target::Difference> order_differences(const LoadOptions& load,
                                                  const std::vector<target::TargetTable>& tables) {
  return load.create_schema || load.defer_indexes || load.disable_triggers
             ? std::vector<target::Difference>{}
             : target::load_order_differences(tables);
}

LoadPlan plan_loads(Job& job, pg::Connection& source, const std::vector<Table>& tables) {
  return Planner(job, source, tables).run();
}

}  // namespace pgstride::job
