#include <doctest/doctest.h>

#include <clocale>

#include "human.hpp"
#include "text_table.hpp"

using namespace pgstride::cli;

TEST_CASE("Counts and bytes are written in groups and units") {
  CHECK(count_text(0) == "0");
  CHECK(count_text(999) == "999");
  CHECK(count_text(1'234'567) == "1,234,567");
  CHECK(count_text(-1234) == "-1,234");
  CHECK(counted(1, "table") == "1 table");
  CHECK(counted(1000, "row") == "1,000 rows");
  CHECK(bytes_text(512) == "512 B");
  CHECK(bytes_text(64.0 * 1048576) == "64.0 MB");
  CHECK(bytes_text(1048575) == "1.0 MB");
  CHECK(short_count(589'520) == "589.5k");
  CHECK(short_count(999.7) == "1.0k");
}

TEST_CASE("Durations are as fine as they matter") {
  CHECK(seconds_text(0) == "0 s");
  CHECK(seconds_text(0.42) == "0.42 s");
  CHECK(seconds_text(59.97) == "1 min 0 s");
  CHECK(seconds_text(3723) == "1 h 2 min");
  CHECK(seconds_text(200'000) == "2 d 7 h");
}

TEST_CASE("An ETA is coarser the further off it is, so that it settles") {
  CHECK(eta_text(std::nullopt) == "-");
  CHECK(eta_text(1.0 / 0.0) == "-");
  CHECK(eta_text(42.3) == "43 s");
  CHECK(eta_text(121.0) == "2 min 10 s");
  CHECK(eta_text(129.0) == eta_text(122.0));
  CHECK(eta_text(1810.0) == "31 min");
  CHECK(eta_text(7199.0) == "2 h 0 min");
}

TEST_CASE("Times are UTC") {
  CHECK(time_text(0) == "-");
  CHECK(time_text(1'000'000'000'000'000) == "2001-09-09 01:46:40 UTC");
  CHECK(time_iso(1'000'000'000'000'007) == "2001-09-09T01:46:40.000007Z");
}

TEST_CASE("A name can't move the cursor or break a line") {
  CHECK(printable("orders") == "orders");
  CHECK(printable("a\nb\tc\x1b[31m") == R"(a\nb\tc\x1b[31m)");
  CHECK(printable("caf\xc3\xa9 \xf0\x9f\x90\x98") == "caf\xc3\xa9 \xf0\x9f\x90\x98");
  CHECK(printable("\xff\xc3") == R"(\xff\xc3)");
  CHECK(printable("\xc2\x9b") == R"(\x9b)");
  CHECK(printable_lines("ERROR\nat \x07") == "ERROR\nat \\x07");
}

TEST_CASE("A text is cut by the columns that it takes") {
  std::setlocale(LC_CTYPE, "C.UTF-8");
  CHECK(display_width("\xf0\x9f\x90\x98x") == 3);
  CHECK(fit("abcdef", 6) == "abcdef");
  CHECK(fit("abcdef", 4) == "abc…");
  CHECK(display_width(fit("\xf0\x9f\x90\x98\xf0\x9f\x90\x98\xf0\x9f\x90\x98", 4)) <= 4);
  CHECK(fit("abc", 0).empty());
}

TEST_CASE("A word of a command is quoted only where a shell needs it") {
  CHECK(shell_word("out/orders-1") == "out/orders-1");
  CHECK(shell_word("my job") == "'my job'");
  CHECK(shell_word("it's") == R"('it'\''s')");
  CHECK(shell_word("") == "''");
}

TEST_CASE("A table's columns are as wide as their widest cell") {
  TextTable table({{"table", Align::left}, {"rows"}});
  table.add({"a", "1,000"});
  table.rule();
  table.add({"total", "5"});
  CHECK(table.text() == "table   rows\n"
                        "a      1,000\n"
                        "-----  -----\n"
                        "total      5\n");
}
