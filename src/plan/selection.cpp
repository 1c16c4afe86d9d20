#include "plan/selection.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "pg/text_array.hpp"
#include "pgstride/error.hpp"
#include "plan/pattern.hpp"

namespace pgstride::plan {

namespace {

using Oids = std::unordered_set<std::uint32_t>;
using ByOid = std::unordered_map<std::uint32_t, const Relation*>;

// One set of relations per pattern, matched by the server's own regular expressions.
std::vector<Oids> match_tables(pg::Connection& connection, const std::vector<Pattern>& patterns) {
  std::vector<Oids> matches(patterns.size());
  if (patterns.empty()) {
    return matches;
  }
  std::vector<std::string> schemas;
  std::vector<std::string> names;
  for (const auto& pattern : patterns) {
    schemas.push_back(pattern.schema.value_or(""));
    names.push_back(pattern.name);
  }
  const auto result = connection.query(R"sql(
    SELECT p.n, c.oid
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS p (schema, name, n)
    JOIN pg_class c ON c.relname::text ~ p.name COLLATE "default"
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f')
      AND (p.schema = '' OR n.nspname::text ~ p.schema COLLATE "default")
  )sql",
                                       {pg::array_text(schemas), pg::array_text(names)});
  for (int row = 0; row < result.rows(); ++row) {
    matches[static_cast<std::size_t>(result.int64(row, 0) - 1)].insert(
        static_cast<std::uint32_t>(result.int64(row, 1)));
  }
  return matches;
}

// Names of the schemas that match any of the patterns; each pattern must match one.
std::unordered_set<std::string> match_schemas(pg::Connection& connection,
                                              const std::vector<std::string>& texts,
                                              const char* option) {
  std::unordered_set<std::string> schemas;
  for (const auto& text : texts) {
    const auto result = connection.query(R"sql(
      SELECT nspname FROM pg_namespace
      WHERE nspname::text ~ $1 COLLATE "default" AND nspname !~ '^pg_'
        AND nspname NOT IN ('information_schema', 'pgstride')
    )sql",
                                         {parse_schema_pattern(text).name});
    if (result.rows() == 0) {
      throw Error(ErrorKind::usage, fmt::format("no schema matches {} {}", option, text),
                  "patterns are psql's: * and ?, double quotes for exact names, all else folds to "
                  "lower case; system schemas are never exported");
    }
    for (int row = 0; row < result.rows(); ++row) {
      schemas.insert(result.text(row, 0));
    }
  }
  return schemas;
}

// A wildcard takes ordinary data only: a view would export its tables' rows once more.
bool taken_by_wildcard(const Relation& relation) {
  const bool plain = relation.kind == 'r' || relation.kind == 'p' || relation.kind == 'm';
  return plain && !relation.extension && relation.populated;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::string nothing_hint(const Pattern& pattern, const Oids& matched,
                         const std::vector<Relation>& relations) {
  const auto wanted = lower_case(pattern.text.substr(pattern.text.find_last_of('.') + 1));
  for (const auto& relation : relations) {
    if (matched.count(relation.oid) != 0) {
      return relation.visible || pattern.schema
                 ? fmt::format("{}.{} matches, but views, foreign tables and tables of extensions "
                               "must be named exactly",
                               relation.schema, relation.name)
                 : fmt::format("schema {} is not in the search_path: write {}.{}", relation.schema,
                               relation.schema, pattern.text);
    }
    if (lower_case(relation.name) == wanted && pattern.exact) {
      return fmt::format(R"(there is {}.{}: names fold to lower case unless quoted, as in '"{}"')",
                         relation.schema, relation.name, relation.name);
    }
  }
  return "patterns are psql's: schema.table with * and ?, double quotes for exact names; a name "
         "without a schema is looked for in the search_path, or in the schemas that --schema "
         "chooses";
}

class Selection {
 public:
  Selection(pg::Connection& connection, const SelectOptions& select,
            const std::vector<Relation>& relations)
      : m_relations(relations), m_schemas(match_schemas(connection, select.schemas, "--schema")) {
    for (const auto& relation : relations) {
      m_by_oid[relation.oid] = &relation;
    }
    m_included = choose(connection, select.tables, "--table", true);
    m_excluded = choose(connection, select.exclude_tables, "--exclude-table", false);
    const auto excluded_schemas =
        match_schemas(connection, select.exclude_schemas, "--exclude-schema");
    for (const auto& relation : relations) {
      const bool by_schema = m_schemas.empty() || m_schemas.count(relation.schema) != 0;
      if (select.tables.empty() && by_schema && taken_by_wildcard(relation)) {
        m_included.insert(relation.oid);
      }
      if (excluded_schemas.count(relation.schema) != 0) {
        m_excluded.insert(relation.oid);
      }
    }
  }

  std::vector<Leaf> leaves() const {
    Oids parents;
    for (const auto& relation : m_relations) {
      parents.insert(relation.parents.begin(), relation.parents.end());
    }
    std::vector<Leaf> leaves;
    for (const auto& relation : m_relations) {
      const bool inner = relation.kind == 'p' && parents.count(relation.oid) != 0;
      if (!inner && touches(relation, m_included) && !touches(relation, m_excluded)) {
        leaves.push_back({&relation, root_of(relation)});
      }
    }
    return leaves;
  }

 private:
  Oids choose(pg::Connection& connection, const std::vector<std::string>& texts, const char* option,
              bool include) {
    std::vector<Pattern> patterns;
    patterns.reserve(texts.size());
    for (const auto& text : texts) {
      patterns.push_back(parse_table_pattern(text));
    }
    const auto matches = match_tables(connection, patterns);
    Oids chosen;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      bool any = false;
      for (const auto oid : matches[i]) {
        const auto found = m_by_oid.find(oid);
        if (found != m_by_oid.end() && meant(patterns[i], *found->second, include)) {
          chosen.insert(oid);
          any = true;
        }
      }
      if (!any) {
        throw Error(ErrorKind::usage, fmt::format("no table matches {} {}", option, texts[i]),
                    nothing_hint(patterns[i], matches[i], m_relations));
      }
    }
    return chosen;
  }

  // A bare name means what the search_path finds (psql), or what is in the schemas asked for.
  bool meant(const Pattern& pattern, const Relation& relation, bool include) const {
    const bool found =
        pattern.schema.has_value() ||
        (m_schemas.empty() ? relation.visible : m_schemas.count(relation.schema) != 0);
    return found && (!include || pattern.exact || taken_by_wildcard(relation));
  }

  // The relation itself or any of its parents is in the set.
  bool touches(const Relation& relation, const Oids& set) const {
    if (set.count(relation.oid) != 0) {
      return true;
    }
    return std::any_of(relation.parents.begin(), relation.parents.end(), [&](std::uint32_t oid) {
      const auto parent = m_by_oid.find(oid);
      return parent != m_by_oid.end() && touches(*parent->second, set);
    });
  }

  // A child of two parents stands for itself.
  const Relation* root_of(const Relation& relation) const {
    if (relation.parents.size() == 1) {
      const auto parent = m_by_oid.find(relation.parents.front());
      if (parent != m_by_oid.end()) {
        return root_of(*parent->second);
      }
    }
    return &relation;
  }

  const std::vector<Relation>& m_relations;
  std::unordered_set<std::string> m_schemas;
  ByOid m_by_oid;
  Oids m_included;
  Oids m_excluded;
};

}  // namespace

std::vector<Leaf> select_leaves(pg::Connection& connection, const SelectOptions& select,
                                const std::vector<Relation>& relations) {
  return Selection(connection, select, relations).leaves();
}

}  // namespace pgstride::plan
