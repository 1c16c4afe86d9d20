#include "format/load_watch.hpp"

#include <doctest/doctest.h>

#include <string>

#include "pgstride/error.hpp"

using namespace pgstride;
using namespace pgstride::format;

namespace {

// Whether it is let pass, fed in pieces of this size.
bool passes(const RowDialect& dialect, std::string_view text, std::size_t step,
            bool others_follow = false) {
  LoadWatch watch(dialect);
  try {
    for (std::size_t i = 0; i < text.size(); i += step) {
      watch.write(text.substr(i, step));
    }
    watch.finish(others_follow);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return false;
  }
  return true;
}

const RowDialect k_csv;
const RowDialect k_text{Format::text, '\t'};

}  // namespace

TEST_CASE("Rows behind a line that ends COPY's data are refused, wherever the bytes are cut") {
  for (const std::size_t step : {1U, 2U, 3U, 100U}) {
    for (const auto& dialect : {k_csv, k_text}) {
      CHECK_FALSE(passes(dialect, "1,a\n\\.\n2,b\n", step));
      CHECK_FALSE(passes(dialect, "\\.\r\n2,b\r\n", step));
      CHECK_FALSE(passes(dialect, "1,a\n\\.\n", step, true));
      CHECK_FALSE(passes(dialect, "1,a\n\\.", step, true));
      CHECK(passes(dialect, "1,a\n\\.\n", step));
      CHECK(passes(dialect, "1,a\n\\.\r\n\n", step));
      CHECK(passes(dialect, "1,a\n\\.", step));
    }
  }
}

TEST_CASE("What only looks like the end of COPY's data is a value") {
  for (const std::size_t step : {1U, 2U, 3U, 100U}) {
    CHECK(passes(k_csv, "\"x\n\\.\n\",1\n2,b\n", step));
    CHECK(passes(k_csv, "\\.x,1\n2,b\n", step));
    CHECK(passes(k_csv, "1,\\.\n2,b\n", step));
    CHECK(passes(k_csv, "\"\\.\"\n2,b\n", step));
    CHECK(passes(k_text, "a\\\\.\n2\n", step));
    CHECK_FALSE(passes(k_text, "a\\\\\\.\n2\n", step));  // the server takes the row, and stops
  }
}
