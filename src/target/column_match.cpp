#include "target/column_match.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "target/type_match.hpp"

namespace pgstride::target {

namespace {

class Matcher {
 public:
  Matcher(const Table& source, const Types& source_types, const TargetTable& target,
          const Types& target_types)
      : m_source(source), m_source_types(source_types), m_target(target),
        m_target_types(target_types) {}

  MatchedColumns run() {
    for (const auto& column : m_source.columns) {
      const auto* other = m_target.column(column.name);
      if (other == nullptr) {
        add(Severity::error,
            fmt::format("column {} is not in the target table {}", quoted(column.name),
                        m_target.name.display()),
            "add it there, or choose the columns with --columns");
      } else if (other->generated) {
        compare_generated(column);
      } else {
        compare(column, *other);
        m_out.columns.push_back({column, *other});
      }
    }
    for (const auto& column : m_target.columns) {
      look_at_extra(column);
    }
    if (m_out.columns.empty() && !m_source.columns.empty()) {
      add(Severity::error,
          fmt::format("no column of the target table {} can be loaded", m_target.name.display()));
    }
    return std::move(m_out);
  }

 private:
  static std::string quoted(const std::string& name) { return "\"" + name + "\""; }

  [[nodiscard]] std::string place(const std::string& column) const {
    return fmt::format("column {} of {}", quoted(column), m_target.name.display());
  }

  void add(Severity severity, std::string message, std::string hint = {}) {
    m_out.differences.push_back({severity, std::move(message), std::move(hint)});
  }

  void compare_generated(const Column& column) {
    if (!column.generated) {
      add(Severity::warning,
          fmt::format("{} is generated on the target: the source's values are not loaded",
                      place(column.name)));
    }
  }

  void compare(const Column& column, const TargetColumn& other) {
    if (column.generated) {
      add(Severity::note, fmt::format("{} is generated in the source and plain on the target: its "
                                      "values are loaded",
                                      place(column.name)));
    }
    if (other.not_null && !column.not_null) {
      add(Severity::warning, fmt::format("{} is NOT NULL on the target, not in the source: a NULL "
                                         "stops the load",
                                         place(column.name)));
    }
    if (!other.may_insert) {
      add(Severity::error, fmt::format("may not insert into {}", place(column.name)),
          fmt::format("run: GRANT INSERT ON {} TO the target's user", m_target.name.quoted()));
    }
    compare_types(column, other);
  }

  void compare_types(const Column& column, const TargetColumn& other) {
    auto match = match_types(m_source_types, column.type_oid, m_target_types, other.type_oid);
    if (match.fit == TypeFit::same) {
      match = match_modifiers(column.type, other.type);
    } else if (match.fit == TypeFit::lossless) {
      if (const auto length = match_length(column.type, other.type);
          length.fit == TypeFit::risky && base_is_string(other)) {
        match = length;
      }
    }
    if (match.fit == TypeFit::same) {
      return;
    }
    const auto what = fmt::format("{} is of type {} in the source and {} on the target",
                                  place(column.name), column.type, other.type);
    if (match.fit == TypeFit::impossible) {
      add(Severity::error, what + ", which does not understand its values",
          "change the target's column, or leave it out with --columns");
    } else if (match.fit == TypeFit::risky) {
      add(Severity::warning, what + ": " + match.effect);
    } else {
      add(Severity::note, what);
    }
  }

  [[nodiscard]] bool base_is_string(const TargetColumn& column) const {
    const auto* type = base_type(m_target_types, column.type_oid);
    return type != nullptr && type->category == 'S';
  }

  void look_at_extra(const TargetColumn& column) {
    const bool known =
        std::any_of(m_source.columns.begin(), m_source.columns.end(),
                    [&](const Column& source) { return source.name == column.name; });
    if (known || column.generated) {
      return;
    }
    if (column.has_default) {
      add(Severity::note,
          fmt::format("{} is not in the source: it takes its default", place(column.name)));
    } else if (column.not_null) {
      add(Severity::error,
          fmt::format("{} is not in the source, and it is NOT NULL without a default",
                      place(column.name)),
          "give it a default, or drop its NOT NULL");
    } else {
      add(Severity::warning,
          fmt::format("{} is not in the source: it stays NULL", place(column.name)));
    }
  }

  const Table& m_source;
  const Types& m_source_types;
  const TargetTable& m_target;
  const Types& m_target_types;
  MatchedColumns m_out;
};

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) {
    out += (out.empty() ? "" : ", ") + name;
  }
  return out;
}

}  // namespace

bool MatchedColumns::loadable() const {
  return worst(differences) != Severity::error;
}

std::vector<std::string> MatchedColumns::names() const {
  std::vector<std::string> out;
  out.reserve(columns.size());
  for (const auto& pair : columns) {
    out.push_back(pair.target.name);
  }
  return out;
}

MatchedColumns match_columns(const Table& source, const Types& source_types,
                             const TargetTable& target, const Types& target_types) {
  return Matcher(source, source_types, target, target_types).run();
}

std::vector<Difference> table_differences(const TargetTable& target) {
  std::vector<Difference> out;
  const auto name = target.name.display();
  if (!target.exists()) {
    out.push_back({Severity::error, fmt::format("the target has no table {}", name),
                   "create it, or let --create-schema do it"});
    return out;
  }
  const bool view = target.kind == 'v' && !target.triggers.empty();
  if (target.kind != 'r' && target.kind != 'p' && target.kind != 'f' && !view) {
    out.push_back({Severity::error, fmt::format("{} is no table on the target", name),
                   "a load needs a table, or a view with an INSTEAD OF INSERT trigger"});
  }
  if (target.row_security) {
    out.push_back({Severity::error,
                   fmt::format("row security is in force for the target's user on {}", name),
                   "load as the table's owner, a superuser or a role with BYPASSRLS"});
  }
  if (target.kind == 'f') {
    out.push_back(
        {Severity::warning,
         fmt::format("{} is a foreign table: a commit that breaks may load rows twice", name),
         "connect to its server directly"});
  }
  if (target.persistence == 'u') {
    out.push_back({Severity::warning,
                   fmt::format("{} is unlogged: a crash of the target empties it unnoticed", name),
                   fmt::format("run: ALTER TABLE {} SET LOGGED", target.name.quoted())});
  }
  if (view) {
    out.push_back({Severity::warning,
                   fmt::format("{} is a view: what its triggers ({}) do with rows is not seen, and "
                               "those that they drop count as loaded",
                               name, joined(target.triggers)),
                   "load the tables behind it, or compare with `pgstride verify`"});
  }
  if (!target.triggers.empty() && target.kind != 'v') {
    out.push_back(
        {Severity::warning,
         fmt::format("triggers of {} fire for each row: {}", name, joined(target.triggers)),
         "--disable-triggers loads without them"});
  }
  return out;
}

Severity worst(const std::vector<Difference>& differences) {
  auto out = Severity::note;
  for (const auto& difference : differences) {
    out = std::max(out, difference.severity);
  }
  return out;
}

}  // namespace pgstride::target
