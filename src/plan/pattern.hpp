// psql's name patterns (`*`, `?`, quoted parts exact) as PostgreSQL regular expressions, and the
// exact names of `TABLE:…` options. Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace pgstride::plan {

/// A pattern for relations or schemas.
struct Pattern {
  std::string text;                   ///< as the user gave it
  std::optional<std::string> schema;  ///< regular expression, anchored; none: not given
  std::string name;                   ///< regular expression, anchored
  bool exact = false;                 ///< no wildcard: it names one relation
};

/// `schema.table` or `table`. Unquoted letters fold to lower case, `*` is `.*`, `?` is `.`, other
/// characters keep their meaning in a regular expression but for `$` (psql documentation,
/// Patterns). Throws Error (usage): empty, more than one dot, an unclosed quote.
Pattern parse_table_pattern(const std::string& text);

/// The same for a schema: a dot outside quotes is an error.
Pattern parse_schema_pattern(const std::string& text);

/// Splits `a,b` or `a.b` at `separator` outside double quotes and reads each part as an SQL
/// identifier: quoted parts exact, others folded to lower case and trimmed. Throws Error (usage).
std::vector<std::string> parse_names(const std::string& text, char separator);

}  // namespace pgstride::plan
