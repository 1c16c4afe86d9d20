// verify finds what is wrong with the files, and what differs from the source.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <set>

#include "cli/cli_cluster.hpp"

using namespace pgstride::test;

namespace {

namespace fs = std::filesystem;

struct Damage {
  std::string what;
  std::function<void(const fs::path&)> make;
  std::vector<std::string> words;  ///< how verify may call it, in its JSON
};

void flip_byte(const fs::path& file) {
  auto bytes = read_text(file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_text(file, bytes);
}

const std::vector<Damage> k_damages = {
    {"a flipped bit", flip_byte, {"xxh3", "damaged"}},
    {"a file cut short",
     [](const fs::path& file) { fs::resize_file(file, fs::file_size(file) - 1); },
     {"size"}},
    {"an emptied file", [](const fs::path& file) { fs::resize_file(file, 0); }, {"size"}},
    {"a file that grew",
     [](const fs::path& file) { std::ofstream(file, std::ios::app) << "x"; },
     {"size"}},
    {"a deleted file", [](const fs::path& file) { fs::remove(file); }, {"missing"}},
    {"an additional file",
     [](const fs::path& file) { fs::copy_file(file, file.string() + ".more.csv"); },
     {"extra"}},
};

const std::string& database() {
  static const std::string name = items_database(2000);
  return name;
}

}  // namespace

TEST_CASE("verify finds each damage of a file, names the file and exits with 4") {
  for (const std::string compression : {"none", "zstd", "gzip", "lz4"}) {
    for (const auto& damage : k_damages) {
      DOCTEST_SUBCASE((compression + ": " + damage.what).c_str()) {
        CAPTURE(compression);
        CAPTURE(damage.what);
        TempDir dir;
        const auto job =
            items_job(database(), dir / "job", {"--chunk-rows", "300", "-Z", compression});
        REQUIRE(job.run_export().code == 0);
        REQUIRE(run(program({"verify", job.directory})).code == 0);
        const auto files = data_files(job.directory);
        REQUIRE(files.size() > 3);
        damage.make(job.directory / files[2]);
        const auto ended = run(program({"verify", job.directory}));
        INFO(ended.text());
        CHECK(ended.code == 4);
        const bool named = ended.out.find("chunk 2") != std::string::npos ||
                           ended.out.find(files[2]) != std::string::npos;
        CHECK(named);
        const auto report = Json::parse(run(program({"verify", job.directory, "--json"})).out);
        CHECK(report["ok"] == false);
        const auto text = report.dump();
        CHECK(std::any_of(damage.words.begin(), damage.words.end(), [&](const std::string& word) {
          return text.find('"' + word + '"') != std::string::npos;
        }));
      }
    }
  }
}

TEST_CASE("verify names files of a table that the job does not have; --restart takes them away") {
  TempDir dir;
  const auto job = items_job(database(), dir / "job", {"--chunk-rows", "300"});
  REQUIRE(job.run_export().code == 0);
  const auto stray = job.directory / "public.other" / "public.other.000000.csv.zst";
  fs::create_directory(stray.parent_path());
  fs::copy_file(job.directory / data_files(job.directory)[0], stray);
  const auto ended = run(program({"verify", job.directory}));
  CHECK(ended.code == 4);
  CHECK(ended.out.find("public.other/public.other.000000.csv.zst") != std::string::npos);
  // A damaged checkpoint can't tell which tables the job had.
  std::ofstream(job.directory / "checkpoint.db") << std::string(8192, 'x');
  auto again = job.export_command();
  again.insert(again.end(), {"--restart", "--yes"});
  const auto restarted = run(again);
  INFO(restarted.text());
  CHECK(restarted.code == 0);
  CHECK_FALSE(fs::exists(stray));
  CHECK(run(program({"verify", job.directory})).code == 0);
}

TEST_CASE("verify recounts rows, also where size and checksum agree with the manifest") {
  TempDir dir;
  const auto job = items_job(database(), dir / "job", {"--chunk-rows", "300"});
  REQUIRE(job.run_export().code == 0);
  auto manifest = read_manifest_json(job.directory);
  auto& file = manifest["tables"][0]["files"][1];
  file["rows"] = file["rows"].get<long>() + 1;
  write_text(job.directory / "manifest.json", manifest.dump());
  const auto ended = run(program({"verify", job.directory}));
  INFO(ended.text());
  CHECK(ended.code == 4);
  CHECK((ended.out + ended.err).find("rows") != std::string::npos);
}

TEST_CASE("verify --source names the chunk of which a row differs, and only that") {
  struct Change {
    std::string sql;
    std::string undo;
  };
  const std::vector<Change> changes = {
      {"UPDATE items SET note = note || ' ' WHERE id = 1500",
       "UPDATE items SET note = rtrim(note) WHERE id = 1500"},
      {"DELETE FROM items WHERE id = 1500", "INSERT INTO items VALUES (1500, md5('1500'))"},
      {"UPDATE items SET note = NULL WHERE id = 1500",
       "UPDATE items SET note = md5('1500') WHERE id = 1500"},
  };
  for (const std::string format : {"csv", "text", "binary"}) {
    TempDir dir;
    const auto job =
        items_job(database(), dir / "job", {"--chunk-rows", "300", "--format", format});
    REQUIRE(job.run_export().code == 0);
    const auto verify = program({"verify", job.directory, "--source", job.conninfo, "--json"});
    const auto clean = run(verify);
    INFO(clean.text());
    REQUIRE(clean.code == 0);
    CHECK(Json::parse(clean.out)["ok"] == true);
    for (const auto& change : changes) {
      CAPTURE(change.sql);
      CAPTURE(format);
      cli_cluster().exec(change.sql, database());
      const auto ended = run(verify);
      cli_cluster().exec(change.undo, database());
      INFO(ended.text());
      CHECK(ended.code == 4);
      std::set<long> chunks;
      const auto report = Json::parse(ended.out);
      for (const auto& difference : report["tables"][0]["differing"]) {
        chunks.insert(difference["chunk"].get<long>());
      }
      CHECK(chunks.size() == 1);
    }
  }
}

TEST_CASE("verify of every kind of table against its source finds nothing") {
  const auto name = cli_cluster().create_database("kinds");
  auto session = cli_cluster().session(name);
  create_tables(session, all_kinds(), 400);
  for (const std::string format : {"csv", "text", "binary"}) {
    CAPTURE(format);
    TempDir dir;
    const ExportJob job{.conninfo = cli_cluster().conninfo(name),
                        .directory = dir / "job",
                        .kinds = all_kinds(),
                        .options = {"--chunk-rows", "100", "--format", format}};
    const auto exported = job.run_export();
    INFO(exported.text());
    REQUIRE(exported.code == 0);
    const auto ended = run(program({"verify", job.directory, "--source", job.conninfo}));
    INFO(ended.text());
    CHECK(ended.code == 0);
    CHECK(joined(check_at_rest(session, job.directory, job.kinds)) == "");
  }
}

TEST_CASE("verify of an unfinished job says that it is unfinished") {
  TempDir dir;
  const auto job = items_job(database(), dir / "job", {"--chunk-rows", "100", "--max-chunks", "3"});
  REQUIRE(job.run_export().code == 3);
  const auto ended = run(program({"verify", job.directory}));
  INFO(ended.text());
  CHECK(ended.code != 0);
  CHECK(ended.err.size() > 10);
}
