// import brings the rows of an export back: whatever their format and compression, each once, and
// nothing of a file that is not what the manifest says.
#include <doctest/doctest.h>

#include <fstream>
#include <functional>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"
#include "harness/load_back.hpp"
#include "harness/trial.hpp"

using namespace pgstride::test;

namespace {

namespace fs = std::filesystem;

std::string new_database() {
  return cli_cluster().conninfo(cli_cluster().create_database("import"));
}

/// A database that has the tables of another, without their rows and unique indexes: a row that
/// came twice is not hidden by an error.
struct Target {
  explicit Target(const std::vector<TableKind>& tables, long rows = 300)
      : conninfo(new_database()), session(conninfo) {
    create_target_tables(session, tables, rows);
  }
  std::string conninfo;
  PgSession session;
};

struct Export {
  explicit Export(const std::vector<TableKind>& tables, const std::vector<std::string>& options,
                  long rows = 300)
      : source(new_database()) {
    PgSession session(source);
    create_tables(session, tables, rows);
    ExportJob job{source, dir / "export", tables, options};
    const auto ended = job.run_export();
    REQUIRE_MESSAGE(ended.code == 0, ended.text());
  }
  TempDir dir;
  std::string source;
};

Arguments import_command(const Export& exported, const Target& target, const std::string& job,
                         const std::vector<std::string>& more = {}) {
  Arguments arguments{"import",
                      "--from",
                      (exported.dir / "export").string(),
                      "--target",
                      target.conninfo,
                      "--job",
                      (exported.dir / job).string(),
                      "-j",
                      "3",
                      "--progress",
                      "none"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return program(arguments);
}

/// All rows as text, with how often each is there.
std::string rows_of(PgSession& session, const TableKind& table) {
  return session.exec("SELECT count(*), md5(string_agg(r, E'\\n' ORDER BY r COLLATE \"C\")) FROM "
                      "(SELECT t::text AS r FROM " +
                      table.quoted() + " t) x");
}

void check_same(const Export& exported, Target& target, const std::vector<TableKind>& tables) {
  PgSession source(exported.source);
  for (const auto& table : tables) {
    CAPTURE(table.name);
    CHECK(rows_of(target.session, table) == rows_of(source, table));
  }
}

TableKind loose() {
  TableKind kind;
  kind.name = "loose";
  kind.create = "CREATE TABLE {t} (id int PRIMARY KEY, note text);"
                "INSERT INTO {t} SELECT g, repeat('x', g % 50) FROM generate_series(1, {n}) g";
  kind.key = "id";
  return kind;
}

std::string once(PgSession& session) {
  return session.exec("SELECT count(*), count(DISTINCT id), sum(id) FROM loose");
}

fs::path first_file(const Export& exported) {
  return exported.dir / "export" / data_files(exported.dir / "export").front();
}

}  // namespace

TEST_CASE("An import brings all kinds of tables back, from each format and compression") {
  std::vector<TableKind> all;
  for (const auto& kind : all_kinds()) {
    if (kind.options.empty()) {
      all.push_back(kind);
    }
  }
  for (const auto& options : std::vector<std::vector<std::string>>{
           {"--format", "csv", "-Z", "zstd"},
           {"--format", "csv", "--header", "--delimiter", ";", "--null", "NULL", "-Z", "none"},
           {"--format", "text", "-Z", "gzip"},
           {"--format", "text", "--header", "-Z", "lz4"},
           {"--format", "binary", "-Z", "lz4"}}) {
    DOCTEST_SUBCASE((options[1] + " " + options.back()).c_str()) {
      auto kinds = all;
      if (options[1] == "binary") {  // which is refused for them, as they would be other objects
        std::erase_if(kinds, [](const TableKind& kind) {
          return kind.create.find("regclass") != std::string::npos;
        });
      }
      auto with_chunks = options;
      with_chunks.insert(with_chunks.end(), {"--chunk-rows", "100"});
      const Export exported(kinds, with_chunks);
      Target target(kinds);
      const auto ended = run(import_command(exported, target, "load"));
      CHECK_MESSAGE(ended.code == 0, ended.text());
      check_same(exported, target, kinds);
      CHECK(target.session.exec("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgstride'") ==
            "0");
    }
  }
}

TEST_CASE("Columns that the target generates are left out of the files' rows") {
  TableKind kind;
  kind.name = "made";
  kind.create =
      "CREATE TABLE {t} (a int, twice int GENERATED ALWAYS AS (a * 2) STORED, b text);"
      "INSERT INTO {t} (a, b) SELECT g, E'x\\ty\\\\\\n' || g FROM generate_series(1, {n}) "
      "g; INSERT INTO {t} (a, b) VALUES (NULL, NULL), (0, '')";
  for (const std::string format : {"csv", "text", "binary"}) {
    const Export exported({kind}, {"--format", format, "-Z", "none"});
    Target target({kind});
    const auto ended = run(import_command(exported, target, "load"));
    CHECK_MESSAGE(ended.code == 0, ended.text());
    check_same(exported, target, {kind});
  }
}

TEST_CASE("A killed import goes on, and each row is there once") {
  const auto seed = test_seed();
  const Export exported({loose()}, {"--chunk-rows", "20"}, 400);
  for (const std::string step :
       {"plan_stored", "ledger_entered", "tables_forgotten", "tables_started", "chunk_claimed",
        "ledger_written", "chunk_copied", "chunk_before_commit", "chunk_after_commit",
        "table_finished", "deferred_built", "load_ended", "ledger_dropped"}) {
    CAPTURE(step);
    CAPTURE(seed);
    Target target({loose()});
    const auto job = "job_" + step;
    const auto killed = run(import_command(exported, target, job), {{"PGSTRIDE_CRASH_AT", step}});
    CHECK_MESSAGE(killed.signal == 9, killed.text());
    auto ended = run(import_command(exported, target, job));
    CHECK_MESSAGE(ended.code == 0, ended.text());
    CHECK(once(target.session) == "400|400|80200");
    ended = run(program({"resume", (exported.dir / job).string(), "--progress", "none"}));
    CHECK_MESSAGE(ended.code == 0, ended.text());
    CHECK(once(target.session) == "400|400|80200");
  }
}

TEST_CASE("A pause leaves the rest to a resume, and status tells of it") {
  const Export exported({loose()}, {"--chunk-rows", "20"}, 400);
  Target target({loose()});
  const auto paused = run(import_command(exported, target, "load", {"--max-chunks", "3"}));
  CHECK_MESSAGE(paused.code == 3, paused.text());
  const auto status = run(program({"status", (exported.dir / "load").string(), "--json"}));
  const auto json = Json::parse(status.out);
  CHECK(json.at("verb") == "import");
  CHECK(json.at("state") == "paused");
  const auto ended = run(program({"resume", (exported.dir / "load").string()}));
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(once(target.session) == "400|400|80200");
}

TEST_CASE("Of a file that is not what the manifest says nothing is loaded, and it is named") {
  const Export exported({loose()}, {"--split", "none", "-Z", "none"});
  Target target({loose()});
  const auto file = first_file(exported);
  auto bytes = read_text(file);
  bytes[bytes.size() / 2] = bytes[bytes.size() / 2] == 'x' ? 'y' : 'x';
  write_text(file, bytes);
  const auto ended = run(import_command(exported, target, "load"));
  CHECK_MESSAGE(ended.code == 1, ended.text());
  CHECK(ended.err.find(file.filename().string()) != std::string::npos);
  CHECK(ended.err.find("the manifest says") != std::string::npos);
  CHECK(once(target.session).starts_with("0|"));
}

TEST_CASE("A manifest that changed after the plan stops the job") {
  const Export exported({loose()}, {"--chunk-rows", "20"});
  Target target({loose()});
  CHECK(run(import_command(exported, target, "load", {"--max-chunks", "1"})).code == 3);
  std::ofstream(exported.dir / "export" / "manifest.json", std::ios::app) << "\n";
  const auto ended = run(import_command(exported, target, "load"));
  CHECK(ended.code != 0);
  CHECK(ended.err.find("manifest.json was changed since the job was planned") != std::string::npos);
}

TEST_CASE("What can't be loaded is told before anything is made") {
  const Export exported({loose()}, {"-Z", "none"});
  Target target({});
  const auto ended = run(import_command(exported, target, "load"));
  CHECK(ended.code == 2);
  CHECK(ended.err.find("the target has no table public.loose") != std::string::npos);
  CHECK(!fs::exists(exported.dir / "load"));
  const auto none = run(import_command(exported, target, "load", {"-t", "nothing"}));
  CHECK(none.code == 2);
  CHECK(none.err.find("has no such table") != std::string::npos);
}

TEST_CASE("An import does not take over or discard an export's directory") {
  const Export exported({loose()}, {"-Z", "none"});
  Target target({loose()});
  for (const auto& more : std::vector<std::vector<std::string>>{{}, {"--restart", "--yes"}}) {
    const auto ended = run(import_command(exported, target, "export", more));
    CHECK(ended.code == 2);
    CHECK(fs::exists(first_file(exported)));
  }
}

TEST_CASE(
    "A manifest whose entries were removed or repeated is refused before anything is changed") {
  struct Change {
    std::function<void(Json&)> edit;  ///< of tables[0].files
    bool remove_file;
    std::string told;
  };
  const std::string file = "public.loose/public.loose.000002.csv.zst";
  const std::vector<Change> changes{
      {[](Json& files) { files.erase(2); }, false, "the entry of " + file + " is missing"},
      {[](Json& files) { files.erase(2); }, true, "an entry such as chunk 2's is missing"},
      {[](Json& files) { files.erase(files.size() - 1); }, false, "000019.csv.zst is missing"},
      {[](Json& files) { files.push_back(files[2]); }, false, "chunk 2 is listed twice (" + file},
      {[](Json& files) {
         files.push_back(files[2]);
         files.erase(2);
         files.push_back(files.back());
       },
       false, "chunk 2 is listed twice (" + file}};
  for (const auto& change : changes) {
    CAPTURE(change.told);
    const Export exported({loose()}, {"--chunk-rows", "20"}, 400);
    const auto directory = exported.dir / "export";
    auto manifest = read_manifest_json(directory);
    change.edit(manifest["tables"][0]["files"]);
    write_text(directory / "manifest.json", manifest.dump());
    if (change.remove_file) {
      fs::remove(directory / file);
    }
    Target target({loose()});
    const auto ended = run(import_command(exported, target, "load"));
    CHECK_MESSAGE(ended.code == 2, ended.text());
    CHECK_MESSAGE(ended.err.find(change.told) != std::string::npos, ended.err);
    CHECK_FALSE(fs::exists(exported.dir / "load"));
    CHECK(once(target.session) == "0|0|");
    const auto verified = run(program({"verify", directory.string(), "--json"}));
    CHECK_MESSAGE(verified.code == 4, verified.text());
    const auto report = Json::parse(verified.out);
    const auto& differing = report["tables"][0]["differing"];
    REQUIRE(differing.size() == 1);
    CHECK(differing[0]["what"] == (change.remove_file                               ? "unlisted"
                                   : change.told.find("twice") != std::string::npos ? "repeated"
                                                                                    : "extra"));
  }
}

TEST_CASE("An import that is given up is cleaned, or begun again without doubling a row") {
  const Export exported({loose()}, {"--chunk-rows", "20"}, 400);
  Target target({loose()});
  const auto pause = [&](const std::string& job) {
    CHECK(run(import_command(exported, target, job, {"--max-chunks", "3"})).code == 3);
  };
  pause("load");
  auto ended = run(import_command(exported, target, "load", {"--restart", "--yes"}));
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(once(target.session) == "400|400|80200");
  target.session.exec("TRUNCATE loose");
  pause("other");
  ended = run(program({"clean", (exported.dir / "other").string(), "--yes"}));
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(target.session.exec("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgstride'") == "0");
  CHECK(run(import_command(exported, target, "other")).code != 0);
  CHECK(once(target.session).starts_with("60|60|"));
}

TEST_CASE("--truncate empties once, --map renames, sequences follow the rows") {
  TableKind kind;
  kind.name = "numbered";
  kind.create = "CREATE TABLE {t} (id serial PRIMARY KEY, v int);"
                "INSERT INTO {t} (v) SELECT g FROM generate_series(1, {n}) g";
  const Export exported({kind}, {"--chunk-rows", "50"}, 200);
  Target target({kind}, 1);
  target.session.exec("ALTER TABLE numbered RENAME TO other; INSERT INTO other VALUES (1000, 1)");
  const std::vector<std::string> more{"--truncate", "--map", "public.numbered=public.other"};
  auto first = more;
  first.insert(first.end(), {"--max-chunks", "2"});
  CHECK(run(import_command(exported, target, "load", first)).code == 3);
  const auto ended = run(import_command(exported, target, "load", more));
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(target.session.exec("SELECT count(*), max(id) FROM other") == "200|200");
  CHECK(target.session.exec("SELECT nextval('numbered_id_seq')") == "201");
}

TEST_CASE("Two targets get the same rows from one reading") {
  const Export exported({loose()}, {"--chunk-rows", "20"}, 400);
  Target one({loose()});
  Target two({loose()});
  const auto ended = run(import_command(exported, one, "load", {"--target", two.conninfo}));
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(once(one.session) == "400|400|80200");
  CHECK(once(two.session) == "400|400|80200");
}
