// Fields of csv and text, with and without the processor's wide instructions, against the plain way
// of samples.hpp.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "format/field_writer.hpp"
#include "format/hex.hpp"
#include "samples.hpp"

namespace pgstride::format {
namespace {

template <typename Block> std::string written(const RowFormat& format, const std::string& value) {
  const FieldStyle style{format.delimiter, format.null, format.columns == 1};
  std::vector<char> room(field_room(value.size()));
  const std::vector<char> exact(value.begin(), value.end());
  char* const end =
      field_writer<Block>(format.format)(style, room.data(), exact.data(), exact.size());
  return {room.data(), end};
}

std::string random_value(std::mt19937_64& random) {
  const std::string special = ",;\"\n\r\t\b\v\f\\.\x0e\x0f\x07\x1f|N";
  const auto often = random() % 40 + 1;
  std::string value;
  for (auto size = random() % 100; size > 0; --size) {
    value += random() % often == 0 ? special[random() % special.size()]
                                   : static_cast<char>(random() % 255 + 1);
  }
  return value;
}

}  // namespace

TEST_CASE("Fields of every length with special bytes anywhere are written as COPY writes them") {
  std::mt19937_64 random(11);
  for (int i = 0; i < 100'000; ++i) {
    const auto value =
        i < 100 ? std::string(static_cast<std::size_t>(i), 'a') : random_value(random);
    CAPTURE(value);
    const auto columns = static_cast<int>(random() % 2 + 1);
    for (const char delimiter : {',', ';', '\x0e', '\xc3'}) {
      const auto csv = csv_format(columns, false, random() % 2 == 0 ? "" : "aaa", delimiter);
      const auto text = text_format(columns, false, "\\N", delimiter);
      const auto csv_value = as_csv(csv, value, columns == 1);
      const auto text_value = as_text(text, value);
      REQUIRE(written<FastBlock>(csv, value) == csv_value);
      REQUIRE(written<PortableBlock>(csv, value) == csv_value);
      REQUIRE(written<FastBlock>(text, value) == text_value);
      REQUIRE(written<PortableBlock>(text, value) == text_value);
    }
  }
}

TEST_CASE("The blocks find each byte at each place") {
  for (int at = 0; at < 16; ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string bytes(16, static_cast<char>(byte + 100));
      bytes[static_cast<std::size_t>(at)] = static_cast<char>(byte);
      const auto fast = FastBlock::load(bytes.data());
      const auto portable = PortableBlock::load(bytes.data());
      REQUIRE(portable.equal(static_cast<char>(byte)) == 1U << static_cast<unsigned>(at));
      REQUIRE(fast.equal(static_cast<char>(byte)) == 1U << static_cast<unsigned>(at));
      REQUIRE(fast.in_eight('\b') == portable.in_eight('\b'));
      REQUIRE(((portable.in_eight('\b') >> static_cast<unsigned>(at)) & 1U) ==
              (byte >= 8 && byte < 16 ? 1U : 0U));
    }
  }
}

TEST_CASE("Hexadecimal digits are the same with and without wide instructions, for every length") {
  std::mt19937_64 random(13);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) {
      bytes += static_cast<char>(random());
    }
    std::string expected;
    for (const char c : bytes) {
      constexpr std::string_view k_digits = "0123456789abcdef";
      expected += k_digits[static_cast<unsigned char>(c) >> 4U];
      expected += k_digits[static_cast<unsigned char>(c) & 15U];
    }
    std::string fast(2 * size, '?');
    std::string portable(2 * size, '?');
    CHECK(write_hex(fast.data(), bytes.data(), size) == fast.data() + 2 * size);
    write_hex_portable(portable.data(), bytes.data(), size);
    CHECK(fast == expected);
    CHECK(portable == expected);
  }
}

}  // namespace pgstride::format
