#include "archive/chunk_file.hpp"

#include <doctest/doctest.h>

#include "samples.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::archive {
namespace {

using enum CompressionMethod;
namespace fs = std::filesystem;

TEST_CASE("a committed chunk file reads back with the size and checksum it told") {
  const std::string content = table_like(1'500'000, 1) + noise(600'000, 2);
  for (const auto& compression :
       {Compression{none, 0}, Compression{gzip, 1}, Compression{zstd, 1}, Compression{lz4, 0}}) {
    for (const std::size_t piece : {50U, 300'000U, 1U << 22}) {
      const test::TempDir dir;
      ChunkFile file(dir / "a", compression);
      in_pieces(content, piece, 3, [&](std::string_view part) { file.write(part); });
      CHECK_FALSE(fs::exists(dir / "a"));
      file.finish();
      file.commit();
      Checksum raw;
      std::string plain;
      read_file(
          dir / "a", compression.method, [&raw](std::string_view part) { raw.update(part); },
          [&plain](std::string_view part) { plain.append(part); });
      CHECK((plain == content));
      CHECK(file.raw_bytes() == static_cast<std::int64_t>(content.size()));
      CHECK(file.bytes() == static_cast<std::int64_t>(fs::file_size(dir / "a")));
      CHECK(file.xxh3() == raw.text());
    }
  }
}

TEST_CASE("a chunk file without rows is a whole stream") {
  for (const auto method : {none, gzip, zstd, lz4}) {
    const test::TempDir dir;
    ChunkFile file(dir / "a", {method, levels(method).standard});
    file.finish();
    file.commit();
    std::string plain;
    read_file(dir / "a", method, {}, [&plain](std::string_view part) { plain.append(part); });
    CHECK(plain.empty());
    CHECK(file.bytes() == static_cast<std::int64_t>(fs::file_size(dir / "a")));
    CHECK((file.bytes() > 0) == (method != none));
  }
}

TEST_CASE("an abandoned chunk file leaves nothing") {
  const test::TempDir dir;
  { ChunkFile(dir / "a", {zstd, 1}).write(table_like(1 << 20, 4)); }
  CHECK(fs::is_empty(dir.path()));
  CHECK_THROWS_AS(ChunkFile(dir / "a", {zstd, 99}), Error);
  CHECK(fs::is_empty(dir.path()));
}

TEST_CASE("a full file system fails the chunk and leaves nothing, then there is room again") {
  const auto small = test::SmallFileSystem::mount(256 << 10);
  if (!small) {
    MESSAGE("not run: no tmpfs can be mounted here");
    return;
  }
  const auto write = [&](std::size_t size) {
    ChunkFile file(small->path() / "a", {zstd, 1});
    file.write(noise(size, 5));
    file.finish();
    file.commit();
  };
  const auto error = error_of([&] { write(1 << 20); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::io);
  CHECK(std::string(error->what()).find("No space left") != std::string::npos);
  CHECK(fs::is_empty(small->path()));
  write(100 << 10);
  CHECK(fs::exists(small->path() / "a"));
}

TEST_CASE("a damaged or missing file is named") {
  const test::TempDir dir;
  const auto read = [&dir] { read_file(dir / "a", zstd, {}, {}); };
  auto error = error_of(read);
  REQUIRE(error);
  CHECK(std::string(error->what()).find("No such file") != std::string::npos);
  test::write_text(dir / "a", "this is not zstd");
  error = error_of(read);
  REQUIRE(error);
  CHECK(std::string(error->what()).find((dir / "a").string() + "\" is damaged") !=
        std::string::npos);
  error = error_of([&dir] { read_file(dir.path(), none, {}, {}); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::io);
}

}  // namespace
}  // namespace pgstride::archive
