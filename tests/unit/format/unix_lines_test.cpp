#include "format/unix_lines.hpp"

#include <doctest/doctest.h>

#include <string>

#include "pgstride/error.hpp"

using namespace pgstride;
using namespace pgstride::format;

namespace {

std::string made_of(Format format, std::string_view text, std::size_t step) {
  std::string out;
  UnixLines lines(format, [&](std::string_view bytes) { out += bytes; });
  for (std::size_t i = 0; i < text.size(); i += step) {
    lines.write(text.substr(i, step));
  }
  lines.finish();
  return out;
}

}  // namespace

TEST_CASE("Line ends of other systems become ours, and values stay as they are") {
  for (const std::size_t step : {1U, 2U, 3U, 100U}) {
    CHECK(made_of(Format::csv, "a,b\r\n\"x\r\ny\r\",\"\"\"\r\"\r\nc,d\n", step) ==
          "a,b\n\"x\r\ny\r\",\"\"\"\r\"\nc,d\n");
    CHECK(made_of(Format::text, "a\\\r\\\\\r\nb\\\\\\\rc\r\n", step) == "a\\\r\\\\\nb\\\\\\\rc\n");
  }
}

TEST_CASE("A lone carriage return is refused") {
  for (const std::size_t step : {1U, 2U, 100U}) {
    CHECK_THROWS_AS(made_of(Format::csv, "a\rb\r", step), Error);
    CHECK_THROWS_AS(made_of(Format::csv, "a,b\r", step), Error);
    CHECK_THROWS_AS(made_of(Format::text, "a\\\\\rb\n", step), Error);
  }
}
