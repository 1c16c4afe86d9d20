// Quoting of names and values for SQL. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

namespace pgstride::pg {

/// `"na""me"`: always quoted, any legal identifier (PostgreSQL documentation, 4.1.1).
std::string quote_identifier(std::string_view name);

/// `"schema"."name"`.
std::string quote_qualified(std::string_view schema, std::string_view name);

/// `'it''s'`, or ` E'…'` where there is a backslash, so that it is right under any
/// standard_conforming_strings (as PQescapeLiteral).
std::string quote_literal(std::string_view value);

/// A text that can stand inside a `/* … */` comment: without its delimiters.
std::string comment_safe(std::string_view text);

}  // namespace pgstride::pg
