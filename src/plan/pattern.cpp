#include "plan/pattern.hpp"

#include <string_view>

#include <fmt/format.h>

#include "pgstride/error.hpp"

namespace pgstride::plan {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[noreturn]] void bad_pattern(const std::string& text, const char* what) {
  throw Error(
      ErrorKind::usage, fmt::format("the pattern {} {}", text, what),
      "write schema.table or table; * and ? are wildcards, double quotes take them exactly");
}

// As processSQLNamePattern of PostgreSQL's string_utils.c: dots part, quotes make literal.
std::vector<std::string> regex_parts(const std::string& text, bool& exact) {
  constexpr std::string_view k_special = "|*+?()[]{}.^$\\";
  std::vector<std::string> parts(1);
  bool quoted = false;
  exact = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    auto& part = parts.back();
    if (c == '"') {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        part += '"';
        ++i;
      } else {
        quoted = !quoted;
      }
    } else if (!quoted && c == '.') {
      parts.emplace_back();
    } else if (!quoted && (c == '*' || c == '?')) {
      part += c == '*' ? ".*" : ".";
      exact = false;
    } else if (c == '$' || (quoted && k_special.find(c) != std::string_view::npos)) {
      part += '\\';
      part += c;
    } else {
      exact = exact && (quoted || k_special.find(c) == std::string_view::npos);
      part += quoted ? c : lower(c);
    }
  }
  if (quoted) {
    bad_pattern(text, "has a double quote that is not closed");
  }
  return parts;
}

std::string anchored(const std::string& part) {
  return "^(" + part + ")$";
}

}  // namespace

Pattern parse_table_pattern(const std::string& text) {
  Pattern pattern;
  pattern.text = text;
  const auto parts = regex_parts(text, pattern.exact);
  if (parts.size() > 2) {
    bad_pattern(text, "has more than one dot");
  }
  if (parts.front().empty() || parts.back().empty()) {
    bad_pattern(text, "has an empty name");
  }
  if (parts.size() == 2) {
    pattern.schema = anchored(parts.front());
  }
  pattern.name = anchored(parts.back());
  return pattern;
}

Pattern parse_schema_pattern(const std::string& text) {
  Pattern pattern;
  pattern.text = text;
  const auto parts = regex_parts(text, pattern.exact);
  if (parts.size() != 1) {
    bad_pattern(text, "for a schema has a dot");
  }
  if (parts.front().empty()) {
    bad_pattern(text, "for a schema is empty");
  }
  pattern.name = anchored(parts.front());
  return pattern;
}

std::vector<std::string> parse_names(const std::string& text, char separator) {
  std::vector<std::string> names;
  std::string name;
  bool quoted = false;
  bool was_quoted = false;
  const auto finish = [&] {
    if (name.empty()) {
      throw Error(ErrorKind::usage, fmt::format("\"{}\" has an empty name in it", text),
                  fmt::format("write names with {} between them", separator));
    }
    names.push_back(std::move(name));
    name.clear();
    was_quoted = false;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        name += '"';
        ++i;
      } else {
        quoted = !quoted;
        was_quoted = true;
      }
    } else if (!quoted && c == separator) {
      finish();
    } else if (!quoted && (c == ' ' || c == '\t') &&
               (name.empty() || was_quoted || i + 1 == text.size() || text[i + 1] == ' ' ||
                text[i + 1] == separator)) {
      continue;  // blanks around a name
    } else {
      name += quoted ? c : lower(c);
    }
  }
  if (quoted) {
    throw Error(ErrorKind::usage, fmt::format("{} has a double quote that is not closed", text));
  }
  finish();
  return names;
}

}  // namespace pgstride::plan
