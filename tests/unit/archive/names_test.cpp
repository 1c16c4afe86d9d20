#include "archive/names.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "support/temp_dir.hpp"

namespace pgstride::archive {
namespace {

/// PostgreSQL's identifiers have 63 bytes at most.
std::vector<std::string> awkward_names() {
  std::vector<std::string> names = {
      "",       "a",    "A",     "a b",     " a",    "a ",   "-a",     "a-b",   "--",   ".",   "..",
      "...",    "a.b",  "a/b",   "/",       "a\\b",  "\"",   "a\"b\"", "'",     "a\nb", "\n",  "\t",
      "\r\n",   "\x7f", "%",     "%%",      "%2E",   "%2e",  "%25",    "%~",    "a%2",  "%",   "*",
      "?",      "~",    "a~b",   "$(rm x)", "`x`",   "a:b",  "a|b",    "<>",    "😀",    "a😀b", "ü",
      "日本語", "con",  "a.csv", "x.part",  ".part", "%2E.", "\x01",   "a%20b", "%20a", "#"};
  std::string wide;
  while (wide.size() + 4 <= 63) {
    wide += "😀";
  }
  names.push_back(wide);
  names.push_back(std::string(63, 'x'));
  names.push_back(std::string(63, '.'));
  names.push_back(std::string(62, '.') + "x");
  names.push_back(std::string(63, '/'));
  names.push_back(std::string(30, '.') + std::string(33, 'y'));
  names.push_back(std::string(200, 'z'));
  names.push_back(std::string(201, 'z'));
  names.push_back("a" + std::string(199, '.'));
  for (std::size_t i = 0; i < 4; ++i) {
    std::string long_wide(i, 'p');
    while (long_wide.size() < 150) {
      long_wide += "é日";
    }
    names.push_back(long_wide);
  }
  return names;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead >= 0x80 && lead < 0xc0) {
      return false;
    }
    for (std::size_t k = 1; k < length; ++k) {
      if (i + k >= text.size() || (static_cast<unsigned char>(text[i + k]) & 0xc0U) != 0x80U) {
        return false;
      }
    }
    i += length;
  }
  return true;
}

TEST_CASE("plain names and UTF-8 stay as they are") {
  for (const char* name :
       {"orders", "Order Lines", "a-b", "größe", "日本語", "😀", "a'b\"c", "~x"}) {
    CHECK(escape_component(name) == name);
  }
}

TEST_CASE("what a file system can't hold, or would misread, is escaped") {
  CHECK(escape_component("a.b") == "a%2Eb");
  CHECK(escape_component("..") == "%2E%2E");
  CHECK(escape_component("a/b") == "a%2Fb");
  CHECK(escape_component("50%") == "50%25");
  CHECK(escape_component("a\nb") == "a%0Ab");
  CHECK(escape_component("-rf") == "%2Drf");
  CHECK(escape_component(" a b") == "%20a b");
  CHECK(escape_component(std::string("a\0b", 3)) == "a%00b");
  CHECK(escape_component("\x7f") == "%7F");
}

TEST_CASE("an escaped name is one component of at most 100 bytes, and comes back") {
  std::map<std::string, std::string> seen;
  for (const auto& name : awkward_names()) {
    CAPTURE(name);
    const std::string component = escape_component(name);
    CHECK_FALSE(component.empty());
    CHECK(component.size() <= 100);
    CHECK(component.find_first_of(std::string("/\n.\0", 4)) == std::string::npos);
    CHECK(is_utf8(component));
    const auto [entry, is_new] = seen.emplace(component, name);
    CHECK((is_new || entry->second == name));
    if (component.find("%~") == std::string::npos) {
      CHECK(unescape_component(component) == name);
    }
  }
}

TEST_CASE("random names never meet, whatever is in them") {
  std::minstd_rand random(11);
  const std::vector<std::string> parts = {"%", "2", "E", ".", "~",  "/",
                                          "-", " ", "a", "é", "\n", "F"};
  std::map<std::string, std::string> seen;
  for (int i = 0; i < 20000; ++i) {
    std::string name;
    for (auto length = random() % 45; length > 0; --length) {
      name += parts[random() % parts.size()];
    }
    const auto [entry, is_new] = seen.emplace(escape_component(name), name);
    REQUIRE((is_new || entry->second == name));
  }
  CHECK(seen.size() > 10000);
}

TEST_CASE("a name of 63 multi-byte bytes is not cut, a longer one is cut between characters") {
  const std::string wide(63, 'x');
  CHECK(escape_component(wide) == wide);
  std::string longer = "x";
  while (longer.size() < 120) {
    longer += "日";
  }
  const auto cut = escape_component(longer);
  CHECK(cut.find("%~") != std::string::npos);
  CHECK(is_utf8(cut));
  CHECK(longer.starts_with(unescape_component(cut)));
  CHECK(escape_component(longer + "x") != cut);
}

TEST_CASE("chunk paths are directory, number, format and compression") {
  using enum CompressionMethod;
  CHECK(chunk_path("public", "orders", 0, Format::csv, zstd) ==
        "public.orders/public.orders.000000.csv.zst");
  CHECK(chunk_path("public", "orders", 42, Format::text, none) ==
        "public.orders/public.orders.000042.txt");
  CHECK(chunk_path("a.b", "c", 1234567, Format::binary, gzip) == "a%2Eb.c/a%2Eb.c.1234567.bin.gz");
  CHECK(chunk_path("a", "b.c", 1, Format::csv, lz4) == "a.b%2Ec/a.b%2Ec.000001.csv.lz4");
}

TEST_CASE("a schema and a table part in one way only") {
  CHECK(table_directory("a.b", "c") != table_directory("a", "b.c"));
  std::set<std::string> seen;
  const auto names = awkward_names();
  const std::set<std::string> distinct(names.begin(), names.end());
  for (const auto& schema : distinct) {
    for (const auto& name : distinct) {
      REQUIRE(seen.insert(table_directory(schema, name)).second);
    }
  }
}

TEST_CASE("no table takes the name of a file of the job") {
  const std::set<std::string> job_files = {"checkpoint.db",     "checkpoint.db-wal",
                                           "checkpoint.db-shm", "manifest.json",
                                           "job.lock",          "report.html"};
  for (const auto& file : job_files) {
    const auto dot = file.find('.');
    const auto directory = table_directory(file.substr(0, dot), file.substr(dot + 1));
    CHECK(job_files.count(directory) == 0);
    CHECK(unescape_component(directory.substr(0, directory.find('.'))) == file.substr(0, dot));
    CHECK(chunk_path(file.substr(0, dot), file.substr(dot + 1), 0, Format::csv,
                     CompressionMethod::none)
              .starts_with(directory + "/" + directory + ".000000"));
  }
  CHECK(table_directory("job", "orders") == "job.orders");
}

TEST_CASE("the file system holds every such path") {
  const test::TempDir dir;
  for (const auto& name : awkward_names()) {
    CAPTURE(name);
    const auto path = dir.path() / chunk_path(name, name, 1, Format::csv, CompressionMethod::zstd);
    std::filesystem::create_directory(path.parent_path());
    test::write_text(path.string() + ".part", "x");
    CHECK(std::filesystem::exists(path.string() + ".part"));
    CHECK(path.parent_path().parent_path() == dir.path());
  }
}

}  // namespace
}  // namespace pgstride::archive
