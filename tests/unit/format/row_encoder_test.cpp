// Rows that no server sends: an error each, never a byte read past their end (run under the
// sanitizers too).
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "format/row_encoder.hpp"
#include "pgstride/error.hpp"
#include "samples.hpp"

namespace pgstride::format {
namespace {

constexpr auto k_last_kind = static_cast<int>(ValueKind::bit);

RowEncoding encoding_of(std::vector<ColumnKind> columns, Format output = Format::csv) {
  RowFormat format;
  format.format = output;
  format.delimiter = output == Format::csv ? ',' : '\t';
  format.null = output == Format::csv ? "" : "\\N";
  return {format, std::move(columns)};
}

std::string header() {
  return {"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
}

std::string field(const std::string& bytes) {
  return big_endian(static_cast<std::uint32_t>(bytes.size()), 4) + bytes;
}

std::string row(const std::vector<std::string>& fields) {
  std::string out = big_endian(static_cast<std::uint32_t>(fields.size()), 2);
  for (const auto& value : fields) {
    out += field(value);
  }
  return out;
}

const std::string k_trailer = "\377\377";

/// On the heap, without a byte behind it, so that the sanitizer sees a read past the end.
std::string encoded(const RowEncoding& encoding, const std::string& message) {
  const std::vector<char> exact(message.begin(), message.end());
  RowEncoder encoder(encoding);
  ByteBuffer out;
  encoder.append({exact.data(), exact.size()}, out);
  encoder.finish();
  return std::string(out.view());
}

void refused(const RowEncoding& encoding, const std::string& message) {
  try {
    encoded(encoding, message);
    FAIL_CHECK("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::server);
    CHECK(std::string(error.what()).find("binary COPY") != std::string::npos);
  }
}

std::string int4(std::uint32_t value) {
  return big_endian(value, 4);
}

std::string random_bytes(std::mt19937_64& random) {
  std::string bytes;
  for (auto size = random() % 40; size > 0; --size) {
    bytes += static_cast<char>(random() % 3 == 0 ? random() : random() % 4);
  }
  return bytes;
}

}  // namespace

TEST_CASE("Header, rows and trailer come in messages of any number of rows") {
  const auto encoding = encoding_of({{ValueKind::int4}, {ValueKind::text}});
  const auto one = row({int4(1), "a"});
  const auto two = row({int4(2), "b,\"c\""});
  CHECK(encoded(encoding, header() + one + two + k_trailer) == "1,a\n2,\"b,\"\"c\"\"\"\n");
  RowEncoder encoder(encoding);
  ByteBuffer out;
  encoder.append(header() + one, out);
  encoder.append(two, out);
  CHECK(encoder.rows() == 2);
  CHECK_THROWS_AS(encoder.finish(), Error);
  encoder.append(k_trailer, out);
  encoder.finish();
  CHECK(out.view() == "1,a\n2,\"b,\"\"c\"\"\"\n");
}

TEST_CASE("An extension of the header is skipped, an unknown flag that matters is refused") {
  const auto encoding = encoding_of({{ValueKind::int4}});
  const auto rest = row({int4(7)}) + k_trailer;
  const std::string signature = header().substr(0, 11);
  CHECK(encoded(encoding, signature + int4(1) + int4(3) + "abc" + rest) == "7\n");
  refused(encoding, signature + int4(0x10000) + int4(0) + rest);
  refused(encoding, signature + int4(0) + int4(0xffffffff) + rest);
  refused(encoding, "1,2\n");
  refused(encoding, "");
}

TEST_CASE("Every row that is cut short is refused, wherever it is cut") {
  const auto encoding = encoding_of({{ValueKind::int4}, {ValueKind::text}, {ValueKind::numeric}});
  const auto whole = header() + row({int4(1), "text", std::string("\0\1\0\0\0\0\0\2\0\7", 10)});
  CHECK(encoded(encoding, whole + k_trailer) == "1,text,7.00\n");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    refused(encoding, whole.substr(0, size));
  }
  refused(encoding, whole + k_trailer + "x");
  refused(encoding, whole + k_trailer + k_trailer);
}

TEST_CASE("Wrong numbers of fields and wrong lengths are refused by row and column") {
  const auto encoding = encoding_of({{ValueKind::int4}, {ValueKind::jsonb}});
  const auto good = row({int4(1), "\x01{}"});
  refused(encoding, header() + good + row({int4(1)}));
  refused(encoding, header() + "\377\376");
  refused(encoding, header() + row({"abc", "\x01{}"}));
  refused(encoding, header() + row({int4(1), "\x02{}"}));
  refused(encoding, header() + row({int4(1), ""}));
  refused(encoding, header() + "\0\2" + std::string("\377\377\377\376", 4));
  try {
    encoded(encoding, header() + good + row({"abcde", ""}));
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "the server sent no proper binary COPY: row 2, column 1: a "
                                       "value of a wrong length for its type");
  }
}

TEST_CASE("Random bytes as a value of any kind end in a text or an error, alone and in arrays") {
  std::mt19937_64 random(7);
  for (int kind = 0; kind <= k_last_kind; ++kind) {
    CAPTURE(kind);
    for (const bool array : {false, true}) {
      for (const auto output : {Format::csv, Format::text}) {
        const auto encoding =
            encoding_of({{static_cast<ValueKind>(kind), array}, {ValueKind::boolean}}, output);
        for (int i = 0; i < 2000; ++i) {
          auto value = random_bytes(random);
          if (array && i % 2 == 0) {  // else hardly one gets past the head
            value = int4(1) + int4(0) + int4(23) + int4(1) + int4(1) + field(value);
            value[random() % value.size()] = static_cast<char>(random());
          }
          try {
            const auto out = encoded(encoding, header() + row({value, "\1"}) + k_trailer);
            CHECK(out.ends_with("t\n"));
          } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::server);
          }
        }
      }
    }
  }
}

TEST_CASE("An array that claims more elements than it has bytes for is refused at once") {
  const auto encoding = encoding_of({{ValueKind::int4, true}});
  std::string array = int4(6) + int4(0) + int4(23);
  for (int i = 0; i < 6; ++i) {
    array += int4(0x7fffffff) + int4(1);
  }
  refused(encoding, header() + row({array}) + k_trailer);
}

TEST_CASE("A null string of any length and a huge value find room") {
  auto encoding = encoding_of({{ValueKind::int4}, {ValueKind::text}, {ValueKind::bytea}});
  encoding.format.null = std::string(5000, 'n');
  const auto null = std::string("\377\377\377\377", 4);
  std::string rows;
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    rows += big_endian(3, 2) + null + field(std::string(1000, '"')) + field(std::string(999, 'x'));
    expected += encoding.format.null + ",\"" + std::string(2000, '"') + "\",\\x";
    for (int k = 0; k < 999; ++k) {
      expected += "78";
    }
    expected += '\n';
  }
  CHECK(encoded(encoding, header() + rows + k_trailer) == expected);
}

}  // namespace pgstride::format
