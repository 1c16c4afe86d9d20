#include "pg/quote.hpp"

namespace pgstride::pg {

namespace {

std::string doubled(std::string_view text, char quote) {
  std::string out;
  out.reserve(text.size() + 2);
  out += quote;
  for (const char c : text) {
    if (c == quote || (quote == '\'' && c == '\\')) {
      out += c;
    }
    out += c;
  }
  out += quote;
  return out;
}

}  // namespace

std::string quote_identifier(std::string_view name) {
  return doubled(name, '"');
}

std::string quote_qualified(std::string_view schema, std::string_view name) {
  return quote_identifier(schema) + "." + quote_identifier(name);
}

std::string quote_literal(std::string_view value) {
  const bool escape = value.find('\\') != std::string_view::npos;
  return (escape ? " E" : "") + doubled(value, '\'');
}

std::string comment_safe(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    // Neither delimiter can form without these; a comment is for people only.
    out += (c == '*' || c == '/' || static_cast<unsigned char>(c) < ' ') ? '_' : c;
  }
  return out;
}

}  // namespace pgstride::pg
