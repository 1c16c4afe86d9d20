#include "format/row_reader.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include "samples.hpp"

namespace pgstride::format {
namespace {

std::string random_field(std::minstd_rand& random) {
  static const std::vector<std::string> k_parts = {
      "a",  "b",  "\"", "\"\"", "\n",   "\r", "\r\n", "\\", "\\.", "\\N", ",", ";",  "\t",
      "\b", "\f", "\v", " ",    "NULL", "é",  "😀",    "N",  "\\n", "n",   "x", "\1", "\7f"};
  std::string field;
  const auto length = random() % 40 == 0 ? random() % 400 : random() % 6;
  for (auto i = length; i > 0; --i) {
    field += k_parts[random() % k_parts.size()];
  }
  return field;
}

Rows random_rows(std::minstd_rand& random, const RowFormat& format) {
  Rows rows(random() % 60);
  for (auto& row : rows) {
    for (int i = 0; i < format.columns; ++i) {
      std::optional<std::string> field;
      if (random() % 5 != 0) {
        field = random_field(random);
      }
      // In text a value that equals the null string without a backslash is NULL, for COPY as well.
      if (format.format == Format::text && field && as_text(format, field) == format.null) {
        field.reset();
      }
      row.push_back(field);
    }
  }
  return rows;
}

std::vector<RowFormat> formats(int columns) {
  return {csv_format(columns),
          csv_format(columns, false, "NULL", ';'),
          csv_format(columns, false, "\\N", '\t'),
          csv_format(columns, false, "a"),
          text_format(columns),
          text_format(columns, false, "NULL", ','),
          text_format(columns, false, "", '|'),
          text_format(columns, false, "\\N", '\1'),
          binary_format(columns)};
}

TEST_CASE("random rows come back, whatever the pieces they are read in") {
  std::minstd_rand random(20240229);
  for (int trial = 0; trial < 150; ++trial) {
    for (const auto& format : formats(static_cast<int>(random() % 5))) {
      const Rows rows = random_rows(random, format);
      const std::string bytes = copied(format, rows);
      const std::size_t most = 1 + random() % 300;
      const auto seed = static_cast<unsigned>(random());
      CAPTURE(trial);
      CAPTURE(bytes);
      REQUIRE(read_rows(format, bytes, most, seed) == rows);
      REQUIRE(count_rows(format, bytes, most, seed) == static_cast<std::int64_t>(rows.size()));
    }
  }
}

TEST_CASE("a header is skipped, also one with line ends in it") {
  std::minstd_rand random(5);
  for (auto format : formats(2)) {
    if (format.format == Format::binary) {
      continue;
    }
    format.header = true;
    const Rows rows = random_rows(random, format);
    const std::string bytes = header_line(format, {"a\nb\"", "c\r,;\t"}) + copied(format, rows);
    CHECK(read_rows(format, bytes, 50) == rows);
    CHECK(count_rows(format, bytes, 50) == static_cast<std::int64_t>(rows.size()));
  }
}

TEST_CASE("a row cut short at any byte is an error, read or counted") {
  const Rows rows = {{"a\n\"b", std::nullopt, "c"}, {"", "d,\t\\", "e\r"}};
  for (const auto& format : formats(3)) {
    const std::string bytes = copied(format, rows);
    const std::string first = copied(format, {rows[0]});
    for (std::size_t length = 1; length < bytes.size(); ++length) {
      CAPTURE(length);
      const auto part = std::string_view(bytes).substr(0, length);
      if (format.format != Format::binary && length == first.size()) {
        CHECK(read_rows(format, part, 10).size() == 1);  // a shorter file, for the count to find
        continue;
      }
      CHECK_THROWS_AS(read_rows(format, part, 10), Error);
      CHECK_THROWS_AS(count_rows(format, part, 10), Error);
    }
  }
  CHECK_THROWS_AS(count_rows(binary_format(3), "", 1), Error);
  CHECK_THROWS_AS(count_rows(csv_format(3, true), "", 1), Error);
  CHECK(count_rows(csv_format(3), "", 1) == 0);
}

TEST_CASE("a row with more or fewer fields is an error that names the row") {
  for (const auto& format : formats(3)) {
    for (const std::size_t fields : {0U, 1U, 2U, 4U}) {
      const std::string bytes = copied(format, {Row(3, "x"), Row(fields, "y")});
      CAPTURE(bytes);
      try {
        read_rows(format, bytes, 100);
        FAIL("read");
      } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::io);
        CHECK(std::string(error.what()).starts_with("row 2: "));
      }
    }
  }
  CHECK_THROWS_AS(read_rows(csv_format(0), "x\n", 9), Error);
  CHECK_THROWS_AS(read_rows(text_format(0), "x\n", 9), Error);
}

TEST_CASE("what COPY does not write is an error") {
  for (const char* bytes : {"a\"b,c\n", "\"a\"b,c\n", "\"a\" ,c\n", "a\rb,c\n", "a,b\r\n"}) {
    CAPTURE(bytes);
    CHECK_THROWS_AS(read_rows(csv_format(2), bytes, 9), Error);
  }
  for (const char* bytes :
       {"\\.\n", "a\t\\q\n", "a\t\\x41\n", "a\t\\101\n", "a\tb\\\n", "a\tb\r\n"}) {
    CAPTURE(bytes);
    CHECK_THROWS_AS(read_rows(text_format(2), bytes, 9), Error);
  }
}

TEST_CASE("binary files with a wrong header, length or end are refused") {
  const std::string good = copied(binary_format(2), {{"ab", std::nullopt}});
  const auto both = [](const std::string& bytes) {
    CHECK_THROWS_AS(read_rows(binary_format(2), bytes, 5), Error);
    CHECK_THROWS_AS(count_rows(binary_format(2), bytes, 5), Error);
  };
  CHECK(count_rows(binary_format(2), good, 5) == 1);
  both("x" + good);
  both(good + "x");
  both(good + good);
  both("id,name\n1,a\n");
  std::string flags = good;
  flags[12] = 1;  // OIDs: dropped with PostgreSQL 12
  both(flags);
  std::string extension = good;
  extension[18] = 5;
  extension.insert(19, "extra");
  CHECK(read_rows(binary_format(2), extension, 3) == Rows{{"ab", std::nullopt}});
  std::string negative = good;
  negative.replace(21, 4, "\xff\xff\xff\xfe");
  both(negative);
  std::string fields = good;
  fields.replace(19, 2, "\xff\xfe");
  both(fields);
}

long peak_kilobytes() {
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST_CASE("rows larger than any buffer are counted without being held") {
  const std::string piece(256 << 10, 'x');
  const long before = peak_kilobytes();
  constexpr int k_pieces = 1024;
  const auto size = static_cast<std::uint32_t>(piece.size()) * k_pieces;
  for (const auto& format : {csv_format(1), text_format(1), binary_format(1)}) {
    const std::string whole = copied(format, {{"first"}});
    const auto reader = make_row_reader(format, {});
    if (format.format == Format::binary) {
      reader->write(whole.substr(0, whole.size() - 2));
      reader->write(big_endian(1, 2) + big_endian(size, 4));
    } else {
      reader->write(whole);
    }
    for (int i = 0; i < k_pieces; ++i) {
      reader->write(piece);
    }
    reader->write(format.format == Format::binary ? "\377\377" : "\n");
    reader->finish();
    CHECK(reader->rows() == 2);
  }
  CHECK(peak_kilobytes() - before < 20'000);
}

TEST_CASE("a large row is read in time that grows with its size only") {
  // Scanned anew with each piece, this row would take 25 GB of scanning.
  const std::string large(40 << 20, 'x');
  for (const auto& format : {csv_format(2), text_format(2), binary_format(2)}) {
    const Rows rows = {{large, "\n"}, {"small", std::nullopt}};
    CHECK((read_rows(format, copied(format, rows), 64 << 10) == rows));
  }
}

TEST_CASE("the format of a job's files is PostgreSQL's default unless chosen") {
  OutputOptions output;
  CHECK(row_format(output, 3).delimiter == ',');
  CHECK(row_format(output, 3).null.empty());
  CHECK(row_format(output, 3).columns == 3);
  output.format = Format::text;
  output.header = true;
  CHECK(row_format(output, 3).delimiter == '\t');
  CHECK(row_format(output, 3).null == "\\N");
  CHECK(row_format(output, 3).header);
  output.delimiter = ';';
  output.null = "-";
  CHECK(row_format(output, 3).delimiter == ';');
  CHECK(row_format(output, 3).null == "-");
  output.format = Format::binary;
  CHECK_FALSE(row_format(output, 3).header);
}

}  // namespace
}  // namespace pgstride::format
