#include <doctest/doctest.h>

#include <string>

#include "pgstride/error.hpp"
#include "values.hpp"

using namespace pgstride;
using namespace pgstride::cli;
using std::chrono::milliseconds;

namespace {

/// The message and hint of the usage error that a call throws; empty if it throws none.
template <class Call> std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return std::string(error.what()) + "|" + error.hint();
  }
  return {};
}

}  // namespace

TEST_CASE("A size is a number with a unit in powers of 1024, as PostgreSQL reads them") {
  CHECK(parse_size("--s", "1B") == 1);
  CHECK(parse_size("--s", "64MB") == 64LL << 20);
  CHECK(parse_size("--s", "1.5 GB") == 3LL << 29);
  CHECK(parse_size("--s", "8kB") == 8192);
  CHECK(parse_rate("--r", "50MB/s") == 50LL << 20);
}

TEST_CASE("A bad size is refused with the option's name and how to write it") {
  for (const char* bad : {"", "64", "MB", "64mb", "64KB", "-1MB", "1e3", "0", "0.2B", "64MB ",
                          "1.2.3MB", "9000000000GB", "inf", "0x10", "64 M B"}) {
    CAPTURE(bad);
    const std::string text = refusal([&] { parse_size("--chunk-size", bad); });
    CHECK(text.find("--chunk-size") == 0);
    CHECK(text.find("64MB") != std::string::npos);
  }
}

TEST_CASE("A duration has a unit, unless it is 0, and never becomes shorter than it was written") {
  CHECK(parse_duration("--d", "100ms") == milliseconds{100});
  CHECK(parse_duration("--d", "1.5 h") == milliseconds{5'400'000});
  CHECK(parse_duration("--d", "5min") == milliseconds{300'000});
  CHECK(parse_duration("--d", "2d") == milliseconds{172'800'000});
  CHECK(parse_duration("--d", "1us") == milliseconds{1});
  CHECK(parse_duration("--d", "0") == milliseconds{0});
  for (const char* bad : {"5", "", "s", "5 m", "5S", "-1s", "1h30min", "40000d"}) {
    CAPTURE(bad);
    CHECK(refusal([&] { parse_duration("--wait", bad); }).find("--wait") == 0);
  }
}

TEST_CASE("A count is a whole number within its limits") {
  CHECK(parse_count("--jobs", "8", 1) == 8);
  for (const char* bad : {"", "0", "-1", "8x", "1.5", "99999999999999999999", " 1"}) {
    CAPTURE(bad);
    CHECK_FALSE(refusal([&] { parse_count("--jobs", bad, 1); }).empty());
  }
  CHECK_FALSE(refusal([&] { parse_count("--jobs", "1001", 1, 1000); }).empty());
}

TEST_CASE("TABLE:VALUE is parted at the first colon outside double quotes") {
  CHECK(parse_table_option("--where", "public.orders:created::date > now()") ==
        TableOption{"public.orders", "created::date > now()"});
  CHECK(parse_table_option("--where", R"("a:b"."c""d:":x)") ==
        TableOption{R"("a:b"."c""d:")", "x"});
  for (const char* bad : {"", "orders", "orders:", ":x", R"("orders:x)"}) {
    CAPTURE(bad);
    CHECK(refusal([&] { parse_table_option("--where", bad); }).find("--where") == 0);
  }
}

TEST_CASE("A compression is a method and a level that the method has") {
  const Compression plain = parse_compression("-Z", "zstd");
  CHECK(plain.method == CompressionMethod::zstd);
  CHECK(plain.level == 1);
  CHECK(parse_compression("-Z", "gzip:9").level == 9);
  CHECK(parse_compression("-Z", "none").method == CompressionMethod::none);
  for (const char* bad :
       {"", "zip", "zstd:", "zstd:x", "zstd:0", "gzip:10", "none:1", "zstd:1:2"}) {
    CAPTURE(bad);
    CHECK_FALSE(refusal([&] { parse_compression("-Z", bad); }).empty());
  }
}

TEST_CASE("A delimiter is one byte, and a tab can be written") {
  CHECK(parse_delimiter("--delimiter", "|") == '|');
  CHECK(parse_delimiter("--delimiter", "\\t") == '\t');
  CHECK_FALSE(refusal([] { parse_delimiter("--delimiter", "||"); }).empty());
  CHECK_FALSE(refusal([] { parse_delimiter("--delimiter", "é"); }).empty());
  CHECK_FALSE(refusal([] { parse_delimiter("--delimiter", ""); }).empty());
}

TEST_CASE("A name outside a fixed set is refused with the names that there are") {
  const Choices<int> choices{{"one", 1}, {"two", 2}};
  CHECK(parse_choice("--n", "two", choices) == 2);
  const std::string text = refusal([&] { parse_choice("--n", "Two", choices); });
  CHECK(text.find("one, two") != std::string::npos);
}
