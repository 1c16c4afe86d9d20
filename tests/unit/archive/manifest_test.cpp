#include "archive/manifest.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "samples.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::archive {
namespace {

using Files = std::vector<std::vector<ManifestFile>>;

ManifestHead sample_head() {
  ManifestHead head;
  head.tool_version = "0.1.0";
  head.server_version = "15.18 (Debian)";
  head.system_identifier = "7312345678901234567";
  head.database = "my \"db\"\n😀";
  head.timeline = 3;
  head.start_lsn = Lsn{0x16B374D848};
  head.end_lsn = Lsn{0x1700000000};
  head.consistency = "exact";
  head.consistency_note = "one snapshot";
  head.snapshot_xmin = "4711";
  head.snapshot_xmax = "4712";
  head.created = "2024-02-29T12:34:56.000123Z";
  head.format = Format::text;
  head.header = true;
  head.delimiter = "\t";
  head.null = "\\N";
  head.compression = {CompressionMethod::gzip, 3};
  return head;
}

std::vector<ManifestTable> sample_tables() {
  ManifestTable orders;
  orders.schema = "public";
  orders.name = "or\"ders \\ 😀";
  orders.columns.resize(2);
  orders.columns[0] = {.name = "id", .type = "bigint", .not_null = true};
  orders.columns[1] = {.name = "a\nb", .type = "numeric(10,2)", .generated = true};
  orders.key = {"id", "a\nb"};
  orders.split = "key";
  orders.consistency = "exact";
  orders.rows = 5;
  orders.bytes = INT64_MAX;
  ManifestTable empty;
  empty.schema = "s";
  empty.name = "no files";
  empty.split = "none";
  return {orders, empty};
}

Files sample_files() {
  ManifestFile first;
  first.file = "public.x/public.x.000000.txt.gz";
  first.leaf = "public.x_2024";
  first.rows = 3;
  first.bytes = 10;
  first.raw_bytes = 30;
  first.xxh3 = "2d06800538d394c2";
  first.upper = KeyValue{"-9223372036854775808", "it's \"é\"\n"};
  first.kind = ChunkKind::range;
  first.lsn = Lsn{UINT64_MAX >> 1U};
  ManifestFile second = first;
  second.chunk = 1;
  second.leaf.clear();
  second.kind = ChunkKind::ctid;
  second.upper.reset();
  second.page_lower = 0;
  second.page_upper = 4294967295U;
  ManifestFile third;
  third.kind = ChunkKind::null_keys;
  third.lower = KeyValue{};
  return {{first, second, third}, {}};
}

void write(const test::TempDir& dir, const ManifestHead& head,
           const std::vector<ManifestTable>& tables, const Files& files) {
  write_manifest(dir.path(), head, tables, [&files](std::size_t table, const auto& give) {
    for (const auto& file : files[table]) {
      give(file);
    }
  });
}

std::string text_of(const test::TempDir& dir) {
  return test::read_text(dir / "manifest.json");
}

TEST_CASE("a manifest comes back as it was written") {
  const test::TempDir dir;
  write(dir, sample_head(), sample_tables(), sample_files());
  const Manifest read = read_manifest(dir.path());
  CHECK(read.head.database == sample_head().database);
  CHECK(read.head.start_lsn == sample_head().start_lsn);
  CHECK(read.head.slot.empty());
  CHECK(read.head.compression.method == CompressionMethod::gzip);
  REQUIRE(read.tables.size() == 2);
  CHECK(read.tables[0].name == sample_tables()[0].name);
  CHECK(read.tables[0].columns == sample_tables()[0].columns);
  REQUIRE(read.files.size() == 2);
  REQUIRE(read.files[0].size() == 3);
  CHECK(read.files[1].empty());
  CHECK(read.files[0][0].upper == sample_files()[0][0].upper);
  CHECK_FALSE(read.files[0][0].lower);
  CHECK(read.files[0][1].page_upper == 4294967295U);
  CHECK(read.files[0][1].page_lower == 0U);
  CHECK(read.files[0][2].lower == KeyValue{});
  CHECK(read.files[0][2].kind == ChunkKind::null_keys);
  const test::TempDir again;
  write(again, read.head, read.tables, read.files);
  CHECK(text_of(again) == text_of(dir));
}

TEST_CASE("the manifest has the members that scripts rely on") {
  const test::TempDir dir;
  write(dir, sample_head(), sample_tables(), sample_files());
  const auto json = nlohmann::json::parse(text_of(dir));
  CHECK(json["format_version"] == 1);
  CHECK(json["tool"] == "pgstride");
  for (const char* name :
       {"version", "source", "start_lsn", "end_lsn", "slot", "publication", "consistency",
        "snapshot_xmin", "format", "dialect", "compression", "created", "tables"}) {
    CAPTURE(name);
    CHECK(json.contains(name));
  }
  for (const char* name : {"server_version", "system_identifier", "database", "timeline"}) {
    CHECK(json["source"].contains(name));
  }
  const auto& table = json["tables"][0];
  for (const char* name : {"schema", "name", "columns", "key", "rows", "bytes", "files"}) {
    CHECK(table.contains(name));
  }
  for (const char* name : {"name", "type", "not_null"}) {
    CHECK(table["columns"][0].contains(name));
  }
  for (const char* name :
       {"file", "chunk", "rows", "bytes", "raw_bytes", "xxh3", "lower", "upper", "lsn"}) {
    CHECK(table["files"][0].contains(name));
  }
  CHECK(json["start_lsn"] == "16/B374D848");
  CHECK(json["start_lsn_int"] == 0x16B374D848);
  CHECK(json["slot"].is_null());
  CHECK(json["format"] == "text");
  CHECK(json["compression"] == "gzip");
  CHECK(table["files"][0]["lower"].is_null());
  CHECK(table["files"][0]["upper"].is_array());
  CHECK(table["files"][0]["leaf"] == "public.x_2024");
  CHECK_FALSE(table["files"][1].contains("leaf"));
}

TEST_CASE("a manifest without tables is whole") {
  const test::TempDir dir;
  write(dir, sample_head(), {}, {});
  const Manifest read = read_manifest(dir.path());
  CHECK(read.tables.empty());
  CHECK(read.files.empty());
}

TEST_CASE("a manifest that was there is replaced at once") {
  const test::TempDir dir;
  write(dir, sample_head(), sample_tables(), sample_files());
  const std::string before = text_of(dir);
  CHECK_THROWS(write_manifest(dir.path(), sample_head(), sample_tables(),
                              [](std::size_t, const auto&) { throw std::runtime_error("no"); }));
  CHECK(text_of(dir) == before);
  CHECK_FALSE(std::filesystem::exists(dir / "manifest.json.part"));
}

TEST_CASE("many files of many tables come back in order") {
  const test::TempDir dir;
  std::vector<ManifestTable> tables(50, sample_tables()[0]);
  write_manifest(dir.path(), sample_head(), tables, [](std::size_t table, const auto& give) {
    ManifestFile file = sample_files()[0][0];
    for (std::int64_t i = 0; i < 400; ++i) {
      file.chunk = i;
      file.rows = static_cast<std::int64_t>(table);
      give(file);
    }
  });
  const Manifest read = read_manifest(dir.path());
  REQUIRE(read.files.size() == 50);
  for (std::size_t table = 0; table < 50; ++table) {
    REQUIRE(read.files[table].size() == 400);
    for (std::size_t i = 0; i < 400; ++i) {
      REQUIRE(read.files[table][i].chunk == static_cast<std::int64_t>(i));
      REQUIRE(read.files[table][i].rows == static_cast<std::int64_t>(table));
    }
  }
}

std::optional<Error> error_reading(const std::string& text) {
  const test::TempDir dir;
  test::write_text(dir / "manifest.json", text);
  return error_of([&dir] { read_manifest(dir.path()); });
}

TEST_CASE("a newer manifest is refused by its version, whatever it looks like inside") {
  for (const char* text :
       {R"({"format_version": 2, "version": "9.9", "tables": []})",
        R"({"format_version": 2, "version": "9.9", "tables": [{"files": [{"path": 1}, 7]}]})",
        R"({"tables": [{"files": [{"path": 1}]}], "version": "9.9", "format_version": 2})"}) {
    const auto error = error_reading(text);
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::usage);
    const std::string message = error->what();
    CHECK(message.find("format version 2, written by pgstride 9.9") != std::string::npos);
    CHECK(message.find("versions 1 to 1") != std::string::npos);
    CHECK(error->hint() == "use a newer pgstride");
  }
}

TEST_CASE("unknown members are skipped, also such that look like files") {
  const test::TempDir dir;
  write(dir, sample_head(), sample_tables(), sample_files());
  auto json = nlohmann::json::parse(text_of(dir));
  json["other"] = {{{"files", {{{"a", 1}}}}}};
  json["tables"][0]["partitions"] = {{{"x", 1}}, {{"files", {1, 2}}}};
  json["tables"][0]["files"][0]["files"] = {{"files", {{{"b", 2}}}}};
  test::write_text(dir / "manifest.json", json.dump());
  const Manifest read = read_manifest(dir.path());
  REQUIRE(read.files.size() == 2);
  CHECK(read.files[0].size() == 3);
}

TEST_CASE("a damaged manifest is an error that names it, cut at any place") {
  const test::TempDir dir;
  write(dir, sample_head(), sample_tables(), sample_files());
  const std::string text = text_of(dir);
  for (std::size_t length = 0; length + 2 < text.size(); length += 7) {
    const auto error = error_reading(text.substr(0, length));
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::io);
    CHECK(std::string(error->what()).find("manifest.json\" is damaged") != std::string::npos);
  }
  for (const char* other :
       {"[]", "7", "{}", R"({"format_version": "1"})", R"({"format_version":1})"}) {
    CAPTURE(other);
    const auto error = error_reading(other);
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::io);
  }
  auto json = nlohmann::json::parse(text);
  json["tables"][0]["files"][1]["lsn"] = "not an LSN";
  const auto error = error_reading(json.dump());
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::io);
}

TEST_CASE("a directory without a manifest is told to be unfinished") {
  const test::TempDir dir;
  const auto error = error_of([&dir] { read_manifest(dir.path()); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::io);
  CHECK(error->hint().find("status") != std::string::npos);
}

}  // namespace
}  // namespace pgstride::archive
