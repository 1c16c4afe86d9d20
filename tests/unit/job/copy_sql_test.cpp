#include <doctest/doctest.h>

#include "job/copy_sql.hpp"
#include "pgstride/error.hpp"

namespace pgstride::job {

namespace {

std::vector<Column> columns(const std::vector<std::string>& names) {
  std::vector<Column> out(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    out[i].name = names[i];
  }
  return out;
}

}  // namespace

TEST_CASE("COPY options quote what the user gave") {
  OutputOptions output;
  CHECK(copy_options(output) == "FORMAT csv");
  output.format = Format::text;
  output.delimiter = '\'';
  output.null = "it's";
  CHECK(copy_options(output) == "FORMAT text, DELIMITER '''', NULL 'it''s'");
}

TEST_CASE("Output that COPY would refuse is refused before anything begins") {
  OutputOptions binary;
  binary.format = Format::binary;
  CHECK_NOTHROW(check_output(binary));
  binary.header = true;
  CHECK_THROWS_AS(check_output(binary), Error);
  OutputOptions csv;
  CHECK_NOTHROW(check_output(csv));
  csv.delimiter = '"';
  CHECK_THROWS_AS(check_output(csv), Error);
  csv.delimiter = ';';
  csv.null = "a;b";
  CHECK_THROWS_AS(check_output(csv), Error);
  csv.null = "\\N";
  CHECK_NOTHROW(check_output(csv));
  csv.compression = {CompressionMethod::zstd, 99};
  CHECK_THROWS_AS(check_output(csv), Error);
  OutputOptions text;
  text.format = Format::text;
  text.delimiter = 'n';
  CHECK_THROWS_AS(check_output(text), Error);
}

TEST_CASE("A file without rows has its header, or in binary what a reader needs") {
  OutputOptions output;
  CHECK(empty_file_bytes(output, columns({"a", "b c"})).empty());
  output.header = true;
  CHECK(empty_file_bytes(output, columns({"a", "b,c"})) == "a,\"b,c\"\n");
  OutputOptions binary;
  binary.format = Format::binary;
  CHECK(empty_file_bytes(binary, columns({"a"})).size() == 21);
}

}  // namespace pgstride::job
