#include <doctest/doctest.h>

#include <cstdio>
#include <vector>

#include "archive/codec.hpp"
#include "samples.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::archive {
namespace {

using enum CompressionMethod;

const std::vector<Compression> k_all = {
    {none, 0}, {gzip, 1}, {gzip, 2}, {gzip, 3}, {gzip, 4}, {gzip, 6}, {gzip, 9}, {zstd, -7},
    {zstd, 0}, {zstd, 1}, {zstd, 3}, {zstd, 9}, {lz4, 0},  {lz4, 1},  {lz4, 9},  {lz4, 12}};
const std::vector<Compression> k_checked = {{gzip, 1}, {gzip, 6}, {zstd, 1}, {lz4, 0}};

std::string decompressed(std::string_view bytes, CompressionMethod method, std::size_t piece) {
  std::string out;
  const auto decompressor =
      make_decompressor(method, "x", [&out](std::string_view part) { out.append(part); });
  in_pieces(bytes, piece, 2, [&](std::string_view part) { decompressor->write(part); });
  decompressor->finish();
  return out;
}

TEST_CASE("what is compressed comes back, for all methods, levels and piece sizes") {
  const std::vector<std::string> contents = {"",
                                             "x",
                                             "a\n",
                                             table_like(300, 1),
                                             table_like(3'000'000, 2),
                                             noise(700'000, 3),
                                             std::string(5'000'000, '\0'),
                                             table_like(262'144, 4),
                                             noise(262'144, 5) + table_like(262'145, 6) +
                                                 std::string(1 << 20, 'z')};
  for (const auto& compression : k_all) {
    for (const auto& content : contents) {
      CAPTURE(method_name(compression.method));
      CAPTURE(compression.level);
      CAPTURE(content.size());
      const std::string packed = compressed(content, compression, 100'000);
      CHECK((decompressed(packed, compression.method, 256 << 10) == content));
      CHECK((decompressed(packed, compression.method, 777) == content));
    }
  }
}

TEST_CASE("any boundary between pieces does, on both ways") {
  const std::string content = table_like(2000, 7) + noise(500, 8);
  for (const auto& compression : k_all) {
    const std::string packed = compressed(content, compression, 3);
    CHECK((decompressed(packed, compression.method, 1) == content));
    for (std::size_t cut = 0; cut <= packed.size(); ++cut) {
      std::string out;
      const auto reader = make_decompressor(compression.method, "x",
                                            [&out](std::string_view part) { out.append(part); });
      reader->write(std::string_view(packed).substr(0, cut));
      reader->write(std::string_view(packed).substr(cut));
      reader->finish();
      REQUIRE((out == content));
    }
  }
}

TEST_CASE("compression makes table-like bytes smaller and higher levels not larger") {
  const std::string content = table_like(1 << 20, 9);
  for (const auto method : {gzip, zstd, lz4}) {
    const auto fast = compressed(content, {method, levels(method).standard}).size();
    CHECK(fast < content.size());
    CHECK(compressed(content, {method, levels(method).most}).size() <= fast);
  }
}

TEST_CASE("a stream cut short at any byte is an error, also an empty one") {
  for (const auto& compression : k_checked) {
    for (const std::string& content : {std::string(), table_like(400, 10)}) {
      const std::string packed = compressed(content, compression);
      for (std::size_t length = 0; length < packed.size(); ++length) {
        CAPTURE(method_name(compression.method));
        CAPTURE(length);
        const auto error = error_of([&] {
          decompressed(std::string_view(packed).substr(0, length), compression.method, 100);
        });
        REQUIRE(error);
        CHECK(error->kind() == ErrorKind::io);
        CHECK(std::string(error->what()) == "\"x\" is cut short");
      }
    }
  }
}

TEST_CASE("a large stream cut short near its end is an error") {
  for (const auto& compression : k_checked) {
    const std::string packed = compressed(table_like(2'000'000, 11), compression);
    for (const std::size_t less : {1U, 2U, 4U, 5U, 8U, 100U, 100'000U}) {
      CHECK_THROWS_AS(decompressed(std::string_view(packed).substr(0, packed.size() - less),
                                   compression.method, 256 << 10),
                      Error);
    }
  }
}

TEST_CASE("a changed byte is an error or changes nothing that is read") {
  // Some header bits mean nothing (gzip's time and system); no bit may change the content.
  const std::string content = table_like(600, 12);
  for (const auto& compression : k_checked) {
    const std::string packed = compressed(content, compression);
    std::size_t caught = 0;
    for (std::size_t at = 0; at < packed.size(); ++at) {
      for (const unsigned bit : {1U, 16U, 128U}) {
        std::string changed = packed;
        changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ bit);
        try {
          const bool same = decompressed(changed, compression.method, 1000) == content;
          REQUIRE(same);
        } catch (const Error& error) {
          CHECK(error.kind() == ErrorKind::io);
          ++caught;
        }
      }
    }
    CHECK(caught > packed.size() * 5 / 2);
  }
}

TEST_CASE("bytes behind the stream are an error, another stream is not") {
  const std::string one = table_like(5000, 13);
  const std::string two = noise(5000, 14);
  for (const auto& compression : k_checked) {
    CAPTURE(method_name(compression.method));
    const std::string packed = compressed(one, compression);
    for (const std::size_t piece : {1U, 3U, 1U << 20}) {
      for (const std::string& garbage : {std::string("x"), std::string(1, '\0'), noise(50, 15)}) {
        CHECK_THROWS_AS(decompressed(packed + garbage, compression.method, piece), Error);
      }
      const std::string both = packed + compressed("", compression) + compressed(two, compression);
      CHECK((decompressed(both, compression.method, piece) == one + two));
      CHECK_THROWS_AS(decompressed(both.substr(0, both.size() - 1), compression.method, piece),
                      Error);
    }
  }
}

TEST_CASE("other programs read what is written, and we read theirs") {
  const test::TempDir dir;
  const std::string content = table_like(1'000'000, 16);
  const struct {
    Compression compression;
    std::string program;
  } cases[] = {{{gzip, 1}, "gzip"}, {{gzip, 6}, "gzip"}, {{zstd, 1}, "zstd"}, {{lz4, 0}, "lz4"}};
  for (const auto& [compression, program] : cases) {
    if (std::system(("command -v " + program + " >/dev/null").c_str()) != 0) {
      MESSAGE("not run: no program " << program);
      continue;
    }
    CAPTURE(program);
    const auto path = [&dir](const char* name) { return (dir / name).string(); };
    test::write_text(dir / "packed", compressed(content, compression));
    REQUIRE(std::system((program + " -dc <" + path("packed") + " >" + path("plain")).c_str()) == 0);
    CHECK((test::read_text(dir / "plain") == content));
    REQUIRE(std::system((program + " -c <" + path("plain") + " >" + path("theirs")).c_str()) == 0);
    CHECK((decompressed(test::read_text(dir / "theirs"), compression.method, 9999) == content));
  }
}

TEST_CASE("levels that a method does not have are refused with those it has") {
  const auto sink = [](std::string_view) {};
  for (const auto& compression :
       {Compression{gzip, 10}, Compression{gzip, 0}, Compression{zstd, 23}, Compression{zstd, -8},
        Compression{lz4, 13}, Compression{lz4, -1}}) {
    const auto error = error_of([&] { make_compressor(compression, sink); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::usage);
    CHECK(error->hint().find(std::to_string(levels(compression.method).most)) != std::string::npos);
  }
  CHECK_NOTHROW(make_compressor({none, 1}, sink));  // the default level, whatever the method
}

TEST_CASE("methods have names and suffixes, and unknown names are refused") {
  for (const auto method : {none, gzip, zstd, lz4}) {
    CHECK(method_by_name(method_name(method)) == method);
  }
  CHECK(file_suffix(none).empty());
  CHECK(file_suffix(gzip) == ".gz");
  CHECK(file_suffix(zstd) == ".zst");
  CHECK(file_suffix(lz4) == ".lz4");
  CHECK_THROWS_AS(method_by_name("zip"), Error);
  CHECK_THROWS_AS(method_by_name(""), Error);
}

}  // namespace
}  // namespace pgstride::archive
