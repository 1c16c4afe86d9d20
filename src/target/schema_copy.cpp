#include "target/schema_copy.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/child_process.hpp"
#include "base/durable_file.hpp"
#include "pg/conninfo.hpp"
#include "pg/quote.hpp"
#include "pg/text_array.hpp"
#include "target/pg_programs.hpp"
#include "target/schema_entries.hpp"
#include "target/schema_needs.hpp"
#include "target/target_table.hpp"

namespace pgstride::target {

namespace {

namespace fs = std::filesystem;

fs::path archive_path(const SchemaOptions& options) {
  return options.directory / "schema.dump";
}

// pg_dump and pg_restore say what they have to say on stderr, mostly in several lines.
Error program_error(const std::string& program, const ChildEnd& end, const std::string& hint) {
  auto text = end.err;
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  if (end.signal != 0) {
    text += fmt::format("{}ended by signal {}", text.empty() ? "" : "\n", end.signal);
  }
  return {ErrorKind::server, fmt::format("{} failed: {}", program, text), hint};
}

/// Runs a program whose sessions go where `connection` went.
ChildEnd run_beside(const pg::Connection* connection, std::vector<std::string> argv,
                    const SchemaOptions& options) {
  ChildStart start;
  start.argv = std::move(argv);
  std::vector<std::string> hidden{"PGAPPNAME"};
  std::vector<std::string> variables{"PGAPPNAME=" + options.application_name};
  if (connection != nullptr) {
    auto environment = pg::connection_environment(*connection);
    hidden.insert(hidden.end(), environment.hidden.begin(), environment.hidden.end());
    variables.insert(variables.end(), environment.variables.begin(), environment.variables.end());
    start.argv.insert(start.argv.end(), {"--no-password", "--dbname", environment.dbname});
  }
  start.environment = environment_without(hidden);
  start.environment.insert(start.environment.end(), variables.begin(), variables.end());
  return run_child(start, options.cancel);
}

PgPrograms programs(const pg::Connection& source, const SchemaOptions& options) {
  return find_pg_programs(options.pg_dump, source.server_version() / 10'000, options.cancel);
}

std::vector<std::uint32_t> oids_of(const std::vector<Table>& tables) {
  std::vector<std::uint32_t> oids;
  for (const auto& table : tables) {
    oids.push_back(table.oid);
    oids.push_back(table.root_oid);
  }
  std::sort(oids.begin(), oids.end());
  oids.erase(std::unique(oids.begin(), oids.end()), oids.end());
  return oids;
}

void check_kinds(const std::vector<Table>& tables) {
  for (const auto& table : tables) {
    if (table.kind != RelationKind::table && table.kind != RelationKind::leaf_partition) {
      throw Error(ErrorKind::usage,
                  fmt::format("--create-schema can't make a table of {}, which is a view or a "
                              "foreign table",
                              table.leaf_display_name()),
                  "create a table for its rows, or leave it out with -T");
    }
  }
}

// Tables that the job does not need need not be locked, nor readable. Names of one schema become
// one pattern, `"s".("a"|"b")`, as long as an argument may be.
std::vector<std::string> exclusions(pg::Connection& source, const std::vector<Table>& tables) {
  constexpr std::size_t k_longest = 60'000;      // MAX_ARG_STRLEN is 128 kB
  constexpr std::size_t k_together = 1'000'000;  // ARG_MAX is 2 MB
  const auto needed = needed_relations(source, oids_of(tables));
  const auto result = source.query(R"sql(
    SELECT n.nspname, c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND c.oid NOT IN (SELECT unnest($1::oid[]))
    ORDER BY n.nspname, c.relname
  )sql",
                                   {pg::array_text(needed)});
  std::vector<std::string> patterns;
  std::string schema;
  std::size_t together = 0;
  for (int row = 0; row < result.rows(); ++row) {
    const auto name = pg::quote_identifier(result.get(row, 1));
    together += name.size() + 1;
    if (patterns.empty() || schema != result.get(row, 0) || patterns.back().size() > k_longest) {
      schema = result.text(row, 0);
      patterns.push_back(pg::quote_identifier(schema) + ".(" + name);
    } else {
      patterns.back() += "|" + name;
    }
  }
  for (auto& pattern : patterns) {
    pattern.insert(0, "--exclude-table=");
    pattern += ")";
  }
  return together > k_together ? std::vector<std::string>{} : patterns;
}

SchemaSelection read_selection(const PgPrograms& programs, const std::vector<Table>& tables,
                               const SchemaNeeds& needs, const SchemaOptions& options) {
  const auto end = run_beside(
      nullptr, {programs.pg_restore, "--list", "--verbose", archive_path(options).string()},
      options);
  if (end.exit_code != 0) {
    throw program_error("pg_restore --list", end, "the file schema.dump of the job is damaged");
  }
  const auto oids = oids_of(tables);
  return select_entries(parse_entries(end.out), {oids.begin(), oids.end()}, needs);
}

/// How objects of the source are called there, `type` and `identity` of pg_identify_object, by OID
/// of catalog and object. What is gone by now is left out.
using Identities =
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::pair<std::string, std::string>>;

Identities identify(pg::Connection& source, const std::vector<SchemaEntry>& entries) {
  std::vector<std::uint32_t> catalogs;
  std::vector<std::uint32_t> oids;
  for (const auto& entry : entries) {
    if (entry.catalog != 0) {
      catalogs.push_back(entry.catalog);
      oids.push_back(entry.oid);
    }
  }
  const auto result = source.query(R"sql(
    SELECT w.catalog, w.oid, o.type, o.identity
    FROM unnest($1::oid[], $2::oid[]) AS w (catalog, oid)
    CROSS JOIN LATERAL pg_identify_object(w.catalog, w.oid, 0) o
    WHERE o.identity IS NOT NULL
  )sql",
                                   {pg::array_text(catalogs), pg::array_text(oids)});
  Identities out;
  for (int row = 0; row < result.rows(); ++row) {
    out[{static_cast<std::uint32_t>(result.int64(row, 0)),
         static_cast<std::uint32_t>(result.int64(row, 1))}] = {result.text(row, 2),
                                                               result.text(row, 3)};
  }
  return out;
}

// Which of the objects are on the target. Functions by the names that the target gives its own:
// to_regprocedure() fails before 16 where a type of an argument is missing. Kinds that are not here
// (casts, operator classes, …) count as missing: the server says so if they are there.
constexpr const char* k_present = R"sql(
  WITH there AS (
    SELECT o.type, o.identity
    FROM (SELECT 'pg_proc'::regclass AS catalog, oid FROM pg_proc
          WHERE pronamespace <> 'pg_catalog'::regnamespace
          UNION ALL
          SELECT 'pg_operator'::regclass, oid FROM pg_operator
          WHERE oprnamespace <> 'pg_catalog'::regnamespace
          UNION ALL
          SELECT 'pg_trigger'::regclass, oid FROM pg_trigger WHERE NOT tgisinternal
          UNION ALL
          SELECT 'pg_rewrite'::regclass, oid FROM pg_rewrite WHERE rulename <> '_RETURN'
          UNION ALL
          SELECT 'pg_policy'::regclass, oid FROM pg_policy
          UNION ALL
          SELECT 'pg_constraint'::regclass, oid FROM pg_constraint
          WHERE contype = 'c'
          UNION ALL
          SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext) every
    CROSS JOIN LATERAL pg_identify_object(every.catalog, every.oid, 0) o)
  SELECT w.number
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (type, identity, number)
  WHERE CASE type
          WHEN 'schema' THEN to_regnamespace(identity) IS NOT NULL
          WHEN 'type' THEN to_regtype(identity) IS NOT NULL
          WHEN 'collation' THEN to_regcollation(identity) IS NOT NULL
          WHEN 'table' THEN to_regclass(identity) IS NOT NULL
          WHEN 'sequence' THEN to_regclass(identity) IS NOT NULL
          WHEN 'extension'
            THEN EXISTS (SELECT FROM pg_extension WHERE quote_ident(extname) = identity)
          ELSE (type, identity) IN (SELECT type, identity FROM there) END
)sql";

/// Those of the entries that the target has not, and the names of those that it has.
struct Missing {
  std::vector<SchemaEntry> entries;
  std::vector<std::string> present;  ///< `type app.mood`
};

Missing find_missing(pg::Connection& source, pg::Connection& target,
                     const std::vector<SchemaEntry>& entries) {
  const auto identities = identify(source, entries);
  std::vector<std::string> types;
  std::vector<std::string> names;
  for (const auto& entry : entries) {
    const auto found = identities.find({entry.catalog, entry.oid});
    types.push_back(found == identities.end() ? "" : found->second.first);
    names.push_back(found == identities.end() ? "" : found->second.second);
  }
  const auto result = target.query(k_present, {pg::array_text(types), pg::array_text(names)});
  std::set<std::size_t> present;
  for (int row = 0; row < result.rows(); ++row) {
    present.insert(static_cast<std::size_t>(result.int64(row, 0) - 1));
  }
  Missing missing;
  std::set<int> there;
  std::set<int> tables;
  for (const auto& entry : entries) {
    if (entry.catalog == 1259 && entry.text.starts_with("TABLE ")) {
      tables.insert(entry.id);
    }
  }
  const auto among = [](const SchemaEntry& entry, const std::set<int>& ids) {
    return std::any_of(entry.depends.begin(), entry.depends.end(),
                       [&](int id) { return ids.contains(id); });
  };
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& entry = entries[i];
    // A comment on what is there already is the target's own business.
    const bool of_present = entry.catalog == 0 && among(entry, there) && !among(entry, tables);
    // A sequence of a table that is made is made with it, or in its way.
    const bool own_sequence = types[i] == "sequence" && among(entry, tables);
    if (present.contains(i) && !own_sequence) {
      there.insert(entry.id);
      tables.erase(entry.id);
      missing.present.push_back(types[i] + " " + names[i]);
    } else if (!of_present) {
      missing.entries.push_back(entry);
    }
  }
  return missing;
}

fs::path list_path(const std::string& section, const SchemaOptions& options) {
  return options.directory / fmt::format("schema.{}.{}.list", options.target, section);
}

void restore(const PgPrograms& programs, const pg::Connection& target, const std::string& section,
             const std::vector<SchemaEntry>& entries, const SchemaOptions& options) {
  const auto list = list_path(section, options);
  DurableFile file(list);
  for (const auto& entry : entries) {
    file.write(entry.line + "\n");
  }
  file.commit();
  const auto end =
      run_beside(&target,
                 {programs.pg_restore, "--section=" + section, "--use-list", list.string(),
                  "--single-transaction", "--no-owner", "--no-privileges", "--no-tablespaces",
                  "--no-security-labels", archive_path(options).string()},
                 options);
  if (end.exit_code != 0) {
    const int major = target.server_version() / 10'000;
    throw program_error(
        "pg_restore", end,
        programs.major > major
            ? fmt::format("pg_restore is version {}, the target PostgreSQL {}: an older one may "
                          "do, see --pg-dump",
                          programs.major, major)
            : "nothing of it was made; mend what it names, or create the tables by hand");
  }
}

// What create_tables() had pg_restore make on this target.
std::set<std::string> made_before(const SchemaOptions& options) {
  std::ifstream file(list_path("pre-data", options));
  std::set<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.insert(line);
  }
  return lines;
}

// A domain that the target had is its own business.
void leave_out_checks_of_others(SchemaSelection& selection, const SchemaOptions& options) {
  const auto made = made_before(options);
  std::erase_if(selection.after, [&](const SchemaEntry& entry) {
    const auto domains = domains_of(entry, selection.before);
    const bool of_others = std::any_of(domains.begin(), domains.end(), [&](const auto* domain) {
      return !made.contains(domain->line);
    });
    if (of_others) {
      selection.left_out.push_back(entry.text + ": the target had the domain before");
    }
    return of_others;
  });
}

// A policy can't be made where a role that it names is missing.
void leave_out_for_roles(pg::Connection& target, SchemaSelection& selection,
                         const SchemaNeeds& needs) {
  std::set<std::string> there;
  const auto result = target.exec("SELECT rolname FROM pg_roles");
  for (int row = 0; row < result.rows(); ++row) {
    there.insert(result.text(row, 0));
  }
  std::erase_if(selection.after, [&](const SchemaEntry& entry) {
    const auto roles = needs.roles.find({entry.catalog, entry.oid});
    if (roles == needs.roles.end()) {
      return false;
    }
    const auto lacking = std::find_if(roles->second.begin(), roles->second.end(),
                                      [&](const auto& role) { return !there.contains(role); });
    if (lacking == roles->second.end()) {
      return false;
    }
    selection.left_out.push_back(
        fmt::format("{}: the target has no role \"{}\"", entry.text, *lacking));
    return true;
  });
}

// What a killed attempt left running would commit behind our back.
void end_earlier_attempt(pg::Connection& target, const SchemaOptions& options) {
  target.query(R"sql(
    SELECT pg_terminate_backend(pid, 10000)
    FROM pg_stat_activity
    WHERE application_name = left($1, 63) AND datname = current_database()
      AND usename = current_user AND pid <> pg_backend_pid()
  )sql",
               {options.application_name});
}

std::vector<TableName> names_of(const std::vector<Table>& tables) {
  std::set<TableName> names;
  for (const auto& table : tables) {
    names.insert({table.schema, table.name});
    names.insert({table.leaf_schema, table.leaf_name});
  }
  return {names.begin(), names.end()};
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t k_most = 10;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < k_most; ++i) {
    out += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > k_most ? fmt::format("{} and {} more", out, names.size() - k_most) : out;
}

std::vector<std::string> existing(pg::Connection& target, const std::vector<TableName>& names) {
  std::vector<std::string> out;
  for (const auto& table : read_target_tables(target, names).tables) {
    if (table.exists()) {
      out.push_back(table.name.display());
    }
  }
  return out;
}

}  // namespace

void dump_schema(pg::Connection& source, const std::vector<Table>& tables,
                 const SchemaOptions& options) {
  check_kinds(tables);
  const auto path = archive_path(options);
  if (fs::exists(path)) {
    return;
  }
  const auto found = programs(source, options);
  auto part = path;
  part += ".part";
  std::vector<std::string> argv{found.pg_dump,        "--format=custom",      "--schema-only",
                                "--no-owner",         "--no-privileges",      "--no-publications",
                                "--no-subscriptions", "--no-security-labels", "--file",
                                part.string()};
  for (auto& pattern : exclusions(source, tables)) {
    argv.push_back(std::move(pattern));
  }
  const auto end = run_beside(&source, std::move(argv), options);
  if (end.exit_code != 0) {
    throw program_error("pg_dump", end, "its user must be able to read the source's catalog");
  }
  commit_file(part, path);
}

void check_absent(pg::Connection& target, const std::vector<Table>& tables) {
  if (const auto there = existing(target, names_of(tables)); !there.empty()) {
    throw Error(ErrorKind::usage, "--create-schema: the target has " + listed(there) + " already",
                "drop what is in the way, or load into the tables that are there without "
                "--create-schema");
  }
}

SchemaReport create_tables(pg::Connection& source, pg::Connection& target,
                           const std::vector<Table>& tables, bool again,
                           const SchemaOptions& options) {
  SchemaReport report;
  const auto names = names_of(tables);
  if (again) {
    end_earlier_attempt(target, options);
  }
  if (again && existing(target, names).size() == names.size()) {
    return report;
  }
  check_absent(target, tables);
  const auto found = programs(source, options);
  const auto needs = read_schema_needs(source, oids_of(tables));
  const auto selection = read_selection(found, tables, needs, options);
  const auto missing = find_missing(source, target, selection.before);
  restore(found, target, "pre-data", missing.entries, options);
  for (const auto& name : missing.present) {
    report.notes.push_back("the target has " + name + " already: it is taken as it is");
  }
  for (const auto& entry : missing.entries) {
    if (selection.brought.contains(entry.id)) {
      report.brought.push_back(entry.text);
    }
  }
  report.made = true;
  return report;
}

SchemaReport create_rest(pg::Connection& source, pg::Connection& target,
                         const std::vector<Table>& tables, const SchemaOptions& options) {
  SchemaReport report;
  const auto found = programs(source, options);
  const auto needs = read_schema_needs(source, oids_of(tables));
  auto selection = read_selection(found, tables, needs, options);
  leave_out_checks_of_others(selection, options);
  leave_out_for_roles(target, selection, needs);
  end_earlier_attempt(target, options);
  const auto missing = find_missing(source, target, selection.after);
  if (!missing.entries.empty()) {
    restore(found, target, "post-data", missing.entries, options);
    report.made = true;
  }
  for (const auto& text : selection.left_out) {
    report.notes.push_back("left out: " + text);
  }
  return report;
}

void drop_tables(pg::Connection& target, const std::vector<Table>& tables, bool certain,
                 const SchemaOptions& options) {
  end_earlier_attempt(target, options);
  const auto names = names_of(tables);
  const auto there = existing(target, names).size();
  if (there == 0 || (!certain && there < names.size())) {
    return;
  }
  std::string sql;
  for (const auto& name : names) {
    sql += (sql.empty() ? "DROP TABLE IF EXISTS " : ", ") + name.quoted();
  }
  target.exec(sql);
}

}  // namespace pgstride::target
