#include <doctest/doctest.h>

#include "pg/quote.hpp"

namespace pgstride::pg {

TEST_CASE("Every legal identifier is quoted so that it means itself") {
  CHECK(quote_identifier("orders") == "\"orders\"");
  CHECK(quote_identifier("a\"b") == "\"a\"\"b\"");
  CHECK(quote_identifier("a.b\n😀 ") == "\"a.b\n😀 \"");
  CHECK(quote_qualified("s\"", "t") == "\"s\"\"\".\"t\"");
}

TEST_CASE("A literal holds quotes and backslashes under any standard_conforming_strings") {
  CHECK(quote_literal("it's") == "'it''s'");
  CHECK(quote_literal("a\\b'") == " E'a\\\\b'''");
  CHECK(quote_literal("") == "''");
}

TEST_CASE("A comment can't be ended from inside") {
  CHECK(comment_safe("a */ DROP TABLE x /* b").find("*/") == std::string::npos);
  CHECK(comment_safe("a\nb") == "a_b");
}

}  // namespace pgstride::pg
