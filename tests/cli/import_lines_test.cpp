// Where a bad row stands: in the lines of its own file, in messages and beside the rejects.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "archive/compressor.hpp"
#include "cli/import_place.hpp"

using namespace pgstride::test;

namespace {

using Lines = std::vector<std::pair<std::string, std::int64_t>>;

/// The files and lines of the rejects, in their order.
Lines rejected(const ImportPlace& place) {
  PgSession session(place.conninfo);
  session.exec("DROP TABLE IF EXISTS why; CREATE TABLE why (chunk text, target int, state text, "
               "col text, message text, detail text, file text, line bigint, place serial)");
  session.copy_in("COPY why (chunk, target, state, col, message, detail, file, line) FROM STDIN "
                  "WITH (FORMAT csv, HEADER)",
                  [&](const auto& put) {
                    put(read_text(place.dir / "job" / "rejects" / "public.people.errors.csv"));
                  });
  Lines lines;
  for (const auto& row : session.rows("SELECT file, line FROM why ORDER BY place")) {
    lines.emplace_back(row[0].value_or(""), std::stoll(row[1].value_or("0")));
  }
  return lines;
}

struct Written {
  std::string text;
  std::vector<std::int64_t> bad;  ///< lines
};

// Each fifth row is bad; quoted values hold line ends of both kinds, the first row too.
Written mixed(const std::string& end, int rows) {
  Written out;
  out.text = "id,\"na" + end + "me\",born" + end;
  const auto line = [&] { return 1 + std::count(out.text.begin(), out.text.end(), '\n'); };
  auto at = line();
  for (int i = 1; i <= rows; ++i) {
    const bool bad = i % 5 == 0;
    const std::string row = (bad ? "x" : "") + std::to_string(i) + ",\"one\nof " +
                            std::to_string(i) + "\r\n" + std::string(i % 3 == 0 ? 600 : 0, 'n') +
                            (i % 2 == 0 ? "\n" : "") + "\",2001-02-03" + end;
    if (bad) {
      out.bad.push_back(at);
    }
    out.text += row;
    at += std::count(row.begin(), row.end(), '\n');
  }
  return out;
}

const std::vector<std::string> k_read{"--header", "--columns", "id,name,born"};

std::vector<std::string> with(std::vector<std::string> more) {
  more.insert(more.end(), k_read.begin(), k_read.end());
  return more;
}

}  // namespace

TEST_CASE("An error names the line where its row begins, whatever line ends the values hold") {
  for (const std::string end : {"\n", "\r\n"}) {
    for (const std::string mode : {"copy", "upsert"}) {
      CAPTURE(end.size());
      CAPTURE(mode);
      ImportPlace place;
      place.session.exec("ALTER TABLE people ADD PRIMARY KEY (id)");
      const auto written = mixed(end, 8);
      const auto ended = place.import(
          with({"--from", place.file("p.csv", written.text), "--mode", mode, "--retries", "0"}));
      CHECK_MESSAGE(ended.code == 1, ended.text());
      CHECK_MESSAGE(ended.err.find("line " + std::to_string(written.bad.front()) + ", column id") !=
                        std::string::npos,
                    ended.err);
    }
  }
}

TEST_CASE("Rejects tell the file and the line of each row, in each mode, compressed or not") {
  for (const std::string end : {"\n", "\r\n"}) {
    for (const std::string mode : {"copy", "insert", "upsert"}) {
      CAPTURE(end.size());
      CAPTURE(mode);
      ImportPlace place;
      place.session.exec("ALTER TABLE people ADD PRIMARY KEY (id)");
      const auto written = mixed(end, 60);
      std::string compressed;
      const auto zstd =
          pgstride::archive::make_compressor({pgstride::CompressionMethod::zstd, 1},
                                             [&](std::string_view part) { compressed += part; });
      zstd->write("id,\"na" + end + "me\",born" + end + "y1,late,\n");
      zstd->finish();
      const auto one = place.file("p.csv", written.text);
      const auto two = place.file("q.csv.zst", compressed);
      const auto ended = place.import(
          with({"--from", one, "--from", two, "--mode", mode, "--reject-limit", "20"}));
      CHECK_MESSAGE(ended.code == 6, ended.text());
      Lines expected;
      for (const auto line : written.bad) {
        expected.emplace_back(one, line);
      }
      expected.emplace_back(two, 3);
      CHECK(rejected(place) == expected);
    }
  }
}

TEST_CASE("Rejects of a large file that is cut tell its own lines, killed and resumed too") {
  ImportPlace place;
  const auto written = mixed("\r\n", 20000);
  const auto file = place.file("p.csv", written.text);
  const auto command = with({"--from", file, "--reject-limit", "5000", "-j", "3"});
  const auto killed = place.import(command, {{"PGSTRIDE_CRASH_AT", "chunk_before_commit:3"}});
  CHECK_MESSAGE(killed.signal == 9, killed.text());
  const auto ended = place.import(command);
  CHECK_MESSAGE(ended.code == 6, ended.text());
  const auto lines = rejected(place);
  REQUIRE(lines.size() == written.bad.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    REQUIRE(lines[i] == std::pair(file, written.bad[i]));
  }
  CHECK(place.session.exec("SELECT count(*), count(DISTINCT id) FROM people") == "16000|16000");
}

TEST_CASE("Rows that are skipped for their key, and those of standard input, tell their line too") {
  ImportPlace place;
  place.session.exec("ALTER TABLE people ADD PRIMARY KEY (id); INSERT INTO people VALUES (2), (3)");
  const std::string text = "1,\"a\nb\",\n2,c,\n4,\"d\ne\",\n3,f,\n5,g,\n";
  auto ended = place.import({"--from", place.file("p.csv", text), "--on-conflict", "skip"});
  CHECK_MESSAGE(ended.code == 6, ended.text());
  const auto file = (place.dir / "p.csv").string();
  CHECK(rejected(place) == Lines{{file, 3}, {file, 6}});
  std::filesystem::remove_all(place.dir / "job");
  ended = Process(place.command({"--from", "-", "--header", "--reject-limit", "1"}), {},
                  "id,name\n11,\"a\nb\"\nx,c\n")
              .wait();
  CHECK_MESSAGE(ended.code == 6, ended.text());
  CHECK(rejected(place) == Lines{{"-", 4}});
}

TEST_CASE("Rows of text, and those that a column is left out of, tell their line") {
  ImportPlace place;
  place.session.exec("CREATE TABLE made (id int PRIMARY KEY, twice int GENERATED ALWAYS AS "
                     "(id * 2) STORED, name text); INSERT INTO made VALUES (7)");
  const auto text = place.file("p.txt", "1\ta\\\nb\nx\tc\n3\td\n");
  auto ended = place.import(
      {"--from", text, "--format", "text", "--columns", "id,name", "--reject-limit", "1"});
  CHECK_MESSAGE(ended.code == 6, ended.text());
  CHECK(rejected(place) == Lines{{text, 3}});
  std::filesystem::remove_all(place.dir / "job");
  const auto csv =
      place.file("m.csv", "id,twice,name\r\n1,,\"a\nb\r\nc\"\r\n7,,d\r\n3,,\"e\nf\"\r\nx,,g\r\n");
  ended = place.import({"--from", csv, "--header", "--map", "people=made", "--mode", "upsert",
                        "--on-conflict", "skip", "--reject-limit", "2"});
  CHECK_MESSAGE(ended.code == 6, ended.text());
  CHECK(rejected(place) == Lines{{csv, 5}, {csv, 8}});
}

TEST_CASE("Lines that end with a carriage return alone come by COPY, and are never one bad row") {
  for (const std::string mode : {"copy", "upsert"}) {
    CAPTURE(mode);
    ImportPlace place;
    place.session.exec("ALTER TABLE people ADD PRIMARY KEY (id)");
    const auto file = place.file("p.csv", "id,name\r1,\"a\rb\"\rx,c\r");
    const auto ended =
        place.import({"--from", file, "--header", "--mode", mode, "--reject-limit", "1"});
    CHECK_MESSAGE(ended.code == 1, ended.text());
    CHECK(ended.err.find("p.csv: its lines end with a carriage return alone") != std::string::npos);
    CHECK(place.people() == "");
  }
  ImportPlace place;
  const auto bad = place.file("p.csv", "id,name\r1,\"a\rb\"\rx,c\r");
  auto ended = place.import({"--from", bad, "--header", "--retries", "0"});
  CHECK_MESSAGE(ended.err.find("line 4, column id") != std::string::npos, ended.err);
  std::filesystem::remove_all(place.dir / "job");
  ended = place.import({"--from", place.file("q.csv", "id,name\r1,a\r"), "--header"});
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(place.people() == "1|a|");
}
