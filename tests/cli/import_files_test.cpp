// import takes anybody's files: with or without header, in any column order, cut where rows end.
#include <doctest/doctest.h>

#include <unistd.h>

#include "archive/compressor.hpp"
#include "cli/import_place.hpp"

using namespace pgstride::test;

namespace {

namespace fs = std::filesystem;
using Place = ImportPlace;

/// Rows of several lines each, some megabytes in all, so that they are cut.
std::string large_csv(int rows) {
  std::string text;
  for (int i = 1; i <= rows; ++i) {
    text += std::to_string(i) + ",\"line one of " + std::to_string(i) + "\nand \"\"two\"\", " +
            std::string(200, 'x') + "\",2001-02-03\n";
  }
  return text;
}

std::string sums(PgSession& session) {
  return session.exec(
      "SELECT count(*), count(DISTINCT id), sum(id), sum(length(name)) FROM people");
}

}  // namespace

TEST_CASE("A csv file with a header is taken by its names, in any order and case") {
  Place place;
  const auto file = place.file("p.csv", "\xef\xbb\xbf"
                                        "NAME,id\r\n\"Ann, the\r\nfirst\",1\r\nBob,2\r\n");
  const auto ended = place.import({"--from", file, "--header"});
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(place.session.exec("SELECT id, length(name), born IS NULL FROM people ORDER BY id") ==
        "1|15|t\n2|3|t");
}

TEST_CASE("Without a header the columns are the table's, or those that are named") {
  Place place;
  CHECK(place.import({"--from", place.file("a.csv", "1,Ann,2000-01-02\n2,,\n")}).code == 0);
  CHECK(place.people() == "1|Ann|2000-01-02\n2||");
  fs::remove_all(place.dir / "job");
  const auto ended = place.import({"--from", place.file("b.txt", "Cid\t3\n\\N\t4"), "--format",
                                   "text", "--columns", "name,id", "--mode", "copy"});
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(place.people() == "1|Ann|2000-01-02\n2||\n3|Cid|\n4||");
}

TEST_CASE("Other dialects are read by their options") {
  Place place;
  const auto file = place.file("d.csv", "1;'it\\'s; \xe9';-\n");
  const auto ended = place.import({"--from", file, "--delimiter", ";", "--quote", "'", "--escape",
                                   "\\", "--null", "-", "--encoding", "LATIN1"});
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(place.people() == "1|it's; \xc3\xa9|");
}

TEST_CASE("A header that the table does not know is refused before anything is made") {
  Place place;
  const auto ended = place.import({"--from", place.file("p.csv", "id,nom\n1,x\n"), "--header"});
  CHECK(ended.code == 2);
  CHECK(ended.err.find("has no column \"nom\"") != std::string::npos);
  CHECK_FALSE(fs::exists(place.dir / "job"));
  CHECK(place.session.exec("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgstride'") == "0");
}

TEST_CASE("A bad row is told by the file's own line, and nothing of its chunk is loaded") {
  Place place;
  auto text = "id,name,born\n" + large_csv(20000);
  const auto lines = std::count(text.begin(), text.end(), '\n');
  text += "x1,bad,2000-01-01\n";
  const auto ended =
      place.import({"--from", place.file("p.csv", text), "--header", "-j", "2", "--retries", "0"});
  CHECK_MESSAGE(ended.code == 1, ended.text());
  CHECK_MESSAGE(ended.err.find("line " + std::to_string(lines + 1) + ", column id") !=
                    std::string::npos,
                ended.err);
  CHECK(ended.err.find("p.csv") != std::string::npos);
}

TEST_CASE("A large file is cut where rows end, killed and resumed, and each row is there once") {
  for (const std::string step : {"plan_stored", "chunk_claimed:2", "chunk_copied:2",
                                 "chunk_before_commit:2", "chunk_after_commit:2", "load_ended"}) {
    CAPTURE(step);
    Place place;
    const auto file = place.file("p.csv", "id,name,born\n" + large_csv(20000));
    const std::vector<std::string> more{"--from", file, "--header", "-j", "3"};
    const auto killed = place.import(more, {{"PGSTRIDE_CRASH_AT", step}});
    CHECK_MESSAGE(killed.signal == 9, killed.text());
    const auto ended = run(program({"resume", (place.dir / "job").string(), "--progress", "none"}));
    CHECK_MESSAGE(ended.code == 0, ended.text());
    CHECK(sums(place.session).starts_with("20000|20000|200010000|"));
    const auto status = run(program({"status", (place.dir / "job").string(), "--json"}));
    CHECK(Json::parse(status.out).at("chunks").at("total").get<int>() > 3);
  }
}

TEST_CASE("Compressed files and several at once are loaded, by their names") {
  Place place;
  std::vector<std::string> more{"--header"};
  int id = 0;
  for (const auto& [method, suffix] :
       std::vector<std::pair<pgstride::CompressionMethod, std::string>>{
           {pgstride::CompressionMethod::gzip, ".gz"},
           {pgstride::CompressionMethod::zstd, ".zst"},
           {pgstride::CompressionMethod::lz4, ".lz4"},
           {pgstride::CompressionMethod::none, ""}}) {
    std::string bytes;
    const auto compressor = pgstride::archive::make_compressor(
        {method, method == pgstride::CompressionMethod::none ? 0 : 1},
        [&](std::string_view part) { bytes += part; });
    compressor->write("id,name\n" + std::to_string(++id) + ",x\n");
    compressor->finish();
    more.insert(more.end(), {"--from", place.file("p.csv" + suffix, bytes)});
  }
  const auto ended = place.import(more);
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(place.people() == "1|x|\n2|x|\n3|x|\n4|x|");
}

TEST_CASE("Standard input is one chunk: killed, it is fed again and its rows are there once") {
  Place place;
  const std::string text = "name,id\n" + std::string("Ann,1\nBob,2\n");
  const auto command = place.command({"--from", "-", "--header"});
  auto ended = Process(command, {{"PGSTRIDE_CRASH_AT", "chunk_copied"}}, text).wait();
  CHECK_MESSAGE(ended.signal == 9, ended.text());
  ended = Process(command, {}, "name,other\n").wait();
  CHECK(ended.code != 0);
  CHECK(ended.err.find("does not begin with the header") != std::string::npos);
  ended = Process(command, {}, "name,id\n").wait();
  CHECK(ended.code != 0);
  CHECK_MESSAGE(ended.err.find("it is empty") != std::string::npos, ended.err);
  ended = Process(command, {}, text).wait();
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(place.people() == "1|Ann|\n2|Bob|");
}

TEST_CASE("Standard input into two targets: what one lacks is fed again for it alone") {
  Place place;
  Place other;
  other.session.exec("ALTER TABLE people ADD CHECK (id <> 2)");
  auto command = place.command({"--from", "-", "--target", other.conninfo});
  const std::string text = "1,Ann,\n2,Bob,\n";
  auto ended = Process(command, {}, text).wait();
  CHECK_MESSAGE(ended.code == 1, ended.text());
  CHECK(place.people() == "1|Ann|\n2|Bob|");
  CHECK(other.people() == "");
  other.session.exec("ALTER TABLE people DROP CONSTRAINT people_id_check");
  ended = Process(command, {}, text).wait();
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(place.people() == "1|Ann|\n2|Bob|");
  CHECK(other.people() == "1|Ann|\n2|Bob|");
}

TEST_CASE("A file that changed since the plan stops the job, by its name") {
  Place place;
  const auto file = place.file("p.csv", large_csv(20000));
  CHECK(place.import({"--from", file, "--max-chunks", "1"}).code == 3);
  write_text(file, large_csv(20000) + "1,x,\n");
  const auto ended = place.import({"--from", file});
  CHECK(ended.code != 0);
  CHECK(ended.err.find("p.csv was changed since the job was planned") != std::string::npos);
}

TEST_CASE("A generated column of a file is left out, whatever its line ends, and lines are told") {
  Place place;
  place.session.exec("CREATE TABLE made (a int, twice int GENERATED ALWAYS AS (a * 2) STORED, "
                     "b text)");
  const std::string rows = "a,twice,b\r\n1,2,\"x\r\ny\"\r\n\"3\",,\"q\"\"\"\r\n";
  auto command = place.command({"--header", "--map", "public.people=public.made"});
  command.insert(command.end(), {"--from", place.file("m.csv", rows)});
  auto ended = run(command);
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(place.session.exec("SELECT a, twice, length(b) FROM made ORDER BY a") == "1|2|4\n3|6|2");
  fs::remove_all(place.dir / "job");
  command.insert(command.end() - 2, {"--mode", "copy"});
  command.back() = place.file("n.csv", rows + "4,8,\r\nbad,1,\r\n");
  ended = run(command);
  CHECK(ended.code == 1);
  CHECK_MESSAGE(ended.err.find("line 6, column a") != std::string::npos, ended.err);
}

TEST_CASE("Rows behind the line that ends a COPY are not left out without a word") {
  Place place;
  const auto file = place.file("p.csv", "1,Ann,\n\\.\n2,Bob,\n");
  const auto ended = place.import({"--from", file});
  CHECK_MESSAGE(ended.code == 1, ended.text());
  CHECK(ended.err.find("p.csv: rows follow a line \\.") != std::string::npos);
  CHECK(place.people() == "");
  fs::remove_all(place.dir / "job");
  CHECK(place.import({"--from", place.file("q.csv", "1,Ann,\n\\.\n")}).code == 0);
  CHECK(place.people() == "1|Ann|");
}

TEST_CASE("What can't be read as it is asked is refused with the reason") {
  Place place;
  const auto file = place.file("p.csv", "1,Ann,\n");
  CHECK(place.import({"--from", (place.dir / "none.csv").string()}).code == 2);
  CHECK(place.import({"--from", file, "--format", "binary", "--header"}).code == 2);
  CHECK(place.import({"--from", file, "--format", "text", "--quote", "'"}).code == 2);
  CHECK(place.import({"--from", file, "--columns", "id,id"}).code == 2);
  CHECK(place.import({"--from", "-", "--from", "-"}).code == 2);
  CHECK(place.import({"--from", file, "--from", file}).code == 2);
  CHECK(place.import({"--from", place.file("\xff.csv", "1,Ann,\n")}).code == 2);
  CHECK_FALSE(fs::exists(place.dir / "job"));
  const auto open = place.import({"--from", place.file("open.csv", large_csv(9000) + "1,\"x\n")});
  CHECK(open.code == 2);
  CHECK(open.err.find("never closed") != std::string::npos);
}
