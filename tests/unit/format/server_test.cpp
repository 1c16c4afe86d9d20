// Bytes and hashes that a real server made.
#include <doctest/doctest.h>

#include "format/row_hash.hpp"
#include "samples.hpp"
#include "server_hashes.hpp"
#include "server_samples.hpp"

namespace pgstride::format {
namespace {

Rows sample_rows() {
  return {{"1", "plain", "two words"},
          {"2", "", "\\N"},
          {"3", std::nullopt, ""},
          {"4", std::nullopt, std::nullopt},
          {"5", "a,b", "say \"hi\""},
          {"6", "\"", "\"\""},
          {"7", "line\nfeed", "cr\rlf\r\n"},
          {"8", "\\.", "\\"},
          {"9", "tab\tbs\bff\fvt\v", "\x01\x7f"},
          {"10", "ünï😀", " lead"},
          {"11", "NULL", "\\n"},
          {"12", "'", ","}};
}

Rows one_column_rows() {
  return {{"\\."}, {std::nullopt}, {""}, {"x"}, {"\n"}, {"\\\\."}};
}

void check_file(const RowFormat& format, std::string_view bytes, const Rows& rows) {
  for (const std::size_t most : {1U, 2U, 3U, 7U, 64U, 100000U}) {
    CAPTURE(most);
    CHECK(read_rows(format, bytes, most) == rows);
    CHECK(count_rows(format, bytes, most) == static_cast<std::int64_t>(rows.size()));
  }
}

TEST_CASE("what the server's COPY writes is read as the table's rows") {
  check_file(csv_format(3, true), server::k_csv, sample_rows());
  check_file(csv_format(3, false, "NULL", ';'), server::k_csv_null, sample_rows());
  check_file(text_format(3, true), server::k_text, sample_rows());
  check_file(text_format(3, false, "nix", ','), server::k_text_null, sample_rows());
  Rows binary = sample_rows();
  for (std::size_t i = 0; i < binary.size(); ++i) {
    binary[i][0] = big_endian(static_cast<std::uint32_t>(i + 1), 4);
  }
  check_file(binary_format(3), server::k_binary, binary);
}

TEST_CASE(
    "one column, its lone backslash-dot and its empty lines are read as the server means them") {
  check_file(csv_format(1, true), server::k_one_csv, one_column_rows());
  check_file(text_format(1, true), server::k_one_text, one_column_rows());
}

TEST_CASE("rows without columns are counted") {
  const Rows rows(2);
  check_file(csv_format(0, true), server::k_zero_csv, rows);
  check_file(text_format(0, true), server::k_zero_text, rows);
  check_file(binary_format(0), server::k_zero_binary, rows);
}

TEST_CASE("header lines are the server's") {
  const auto first_line = [](std::string_view bytes) {
    return bytes.substr(0, bytes.find('\n') + 1);
  };
  CHECK(header_line(csv_format(3), {"k", "a", "b"}) == first_line(server::k_csv));
  CHECK(header_line(text_format(3), {"k", "a", "b"}) == first_line(server::k_text));
  CHECK(header_line(csv_format(1), {"a,\"b"}) == first_line(server::k_one_csv));
  CHECK(header_line(text_format(1), {"a,\"b"}) == first_line(server::k_one_text));
  CHECK(header_line(csv_format(0), {}) == "\n");
  CHECK(header_line(text_format(0), {}) == "\n");
  CHECK(header_line(binary_format(1), {"a"}).empty());
}

std::string utf8(unsigned code_point) {  // below 0x800
  return {static_cast<char>(0xc0U | (code_point >> 6U)),
          static_cast<char>(0x80U | (code_point & 0x3fU))};
}

std::int64_t hash(std::string_view bytes, std::uint64_t seed = 0) {
  return static_cast<std::int64_t>(pg_hash_bytes(bytes, seed));
}

TEST_CASE("the hash is hashtextextended for every length from 0 to 100") {
  for (std::size_t n = 0; n < server::k_ascii_hashes.size(); ++n) {
    std::string text;
    for (std::size_t i = 0; i < n; ++i) {
      text += static_cast<char>(33 + (i * 7 + n) % 90);
    }
    CAPTURE(n);
    CHECK(hash(text) == server::k_ascii_hashes[n]);
  }
}

TEST_CASE("the hash takes bytes above 127 as the server does, and seeds") {
  for (std::size_t n = 0; n < server::k_wide_hashes.size(); ++n) {
    std::string text;
    for (std::size_t i = 0; i < n; ++i) {
      text += utf8(static_cast<unsigned>(256 + (i * 11 + n) % 1000));
    }
    CAPTURE(n);
    CHECK(hash(text) == server::k_wide_hashes[n]);
  }
  CHECK(hash("äöü€😀") == -89356645174822691);
  CHECK(hash("äöü€😀", 4711) == -7266385298907966300);
  CHECK(hash("äöü€😀 and more of it", static_cast<std::uint64_t>(-9000000000000000001)) ==
        4877841893843332577);
  CHECK(hash("", 77) == -1368670251987650551);
}

TEST_CASE("the sum over rows is the server's, beyond 64 bits") {
  // select sum(hashtextextended(octet_length(a::text) || ':' || a::text ||
  //   coalesce(octet_length(b) || ':' || b, 'N') collate "C", 0)) with a from 1 to 1000 and b null
  //   for a % 3 = 0, else repeat('é', a % 50)
  RowHash hash_of_rows(false);
  for (int a = 1; a <= 1000; ++a) {
    const std::string number = std::to_string(a);
    std::string b;
    for (int i = 0; i < a % 50; ++i) {
      b += "é";
    }
    const std::vector<Field> row = {number, a % 3 == 0 ? Field() : Field(b)};
    hash_of_rows.add(row);
  }
  CHECK(hash_of_rows.rows() == 1000);
  CHECK(hash_of_rows.sum() == "123379943137506788326");
}

}  // namespace
}  // namespace pgstride::format
