#include <doctest/doctest.h>

#include "pgstride/error.hpp"
#include "plan/bounds_file.hpp"
#include "plan/pattern.hpp"

using namespace pgstride;
using namespace pgstride::plan;

TEST_CASE("Wildcards become regular expressions, and letters outside quotes fold to lower case") {
  const auto pattern = parse_table_pattern("App.Order_*?");
  REQUIRE(pattern.schema);
  CHECK(*pattern.schema == "^(app)$");
  CHECK(pattern.name == "^(order_.*.)$");
  CHECK_FALSE(pattern.exact);
  CHECK(parse_table_pattern("orders").exact);
  CHECK_FALSE(parse_table_pattern("orders[0-9]").exact);
  CHECK(parse_table_pattern("a$b").name == "^(a\\$b)$");
}

TEST_CASE("Quoted parts of a pattern are exact, dots and stars too") {
  const auto pattern = parse_table_pattern(R"("A.b"."x*""y")");
  CHECK(*pattern.schema == R"(^(A\.b)$)");
  CHECK(pattern.name == R"(^(x\*"y)$)");
  CHECK(pattern.exact);
}

TEST_CASE("A pattern that can't name anything is refused") {
  for (const auto* text : {"", "a.b.c", "a.", ".b", "\"a", "\"\""}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_table_pattern(text), Error);
  }
  CHECK_THROWS_AS(parse_schema_pattern("a.b"), Error);
  CHECK(parse_schema_pattern("\"a.b\"").name == "^(a\\.b)$");
}

TEST_CASE("Names part at the separator outside quotes") {
  CHECK(parse_names("A, \"b,C\" ,d e", ',') == std::vector<std::string>{"a", "b,C", "d e"});
  CHECK(parse_names(R"(s."T""x")", '.') == std::vector<std::string>{"s", "T\"x"});
  CHECK(parse_names("\" a \"", ',') == std::vector<std::string>{" a "});
  CHECK_THROWS_AS(parse_names("a,,b", ','), Error);
  CHECK_THROWS_AS(parse_names("", ','), Error);
  CHECK_THROWS_AS(parse_names("\"a", ','), Error);
}

TEST_CASE("A row of a bounds file is read as the server prints it") {
  CHECK(parse_row("(1,abc)", 2) == KeyValue{"1", "abc"});
  CHECK(parse_row(R"(("a,b","x""y",""))", 3) == KeyValue{"a,b", "x\"y", ""});
  CHECK(parse_row(R"(("a\\b",2))", 2) == KeyValue{"a\\b", "2"});
  for (const auto* text : {"1,2", "(1)", "(1,2,3)", "(1,)", "(\"1,2)", ""}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_row(text, 2), Error);
  }
}
