// Files at the edge of what COPY reads: what is loaded is what COPY would load, or it is refused.
#include <doctest/doctest.h>

#include "cli/import_place.hpp"

using namespace pgstride::test;

namespace {

namespace fs = std::filesystem;

/// A place with a table `t` instead, of the given columns.
struct Table : ImportPlace {
  explicit Table(const std::string& columns) { session.exec("CREATE TABLE t (" + columns + ")"); }

  [[nodiscard]] Ended load(std::vector<std::string> more) const {
    auto arguments = command(more);
    *std::find(arguments.begin(), arguments.end(), "people") = "t";
    return run(arguments);
  }
  [[nodiscard]] Ended feed(const std::string& text, std::vector<std::string> more) const {
    more.insert(more.end(), {"--from", "-"});
    auto arguments = command(more);
    *std::find(arguments.begin(), arguments.end(), "people") = "t";
    return Process(arguments, {}, text).wait();
  }
  std::string rows() { return session.exec("SELECT * FROM t ORDER BY 1"); }
};

bool says(const Ended& ended, const std::string& text) {
  return ended.err.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("Lines that end with a carriage return alone are rows, also behind a header") {
  Table table("id text, v int");
  const auto file = table.file("cr.csv", "id,v\rx,1\ry,2\rz,3\r");
  const auto ended = table.load({"--from", file, "--header"});
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(table.rows() == "x|1\ny|2\nz|3");
}

TEST_CASE("A header that never ends is refused, and nothing of the file is taken for rows") {
  Table table("v text");
  const auto refused = [&](const Ended& ended, const std::string& why) {
    CHECK_MESSAGE(ended.code == 2, ended.text());
    CHECK_MESSAGE(says(ended, why), ended.err);
    CHECK_FALSE(fs::exists(table.dir / "job"));
    CHECK(table.rows() == "");
  };
  const std::vector<std::string> header{"--header", "--columns", "v"};
  const auto with_file = [&](const std::string& text) {
    auto more = header;
    more.insert(more.end(), {"--from", table.file("h.csv", text)});
    return table.load(more);
  };
  refused(with_file(std::string(3 << 20, 'a')), "longer than 1 MB");
  refused(with_file("\"v\nx\ny\n"), "is not closed");
  refused(with_file("v\rx\ny\n"), "carriage return");
  refused(table.feed("v\rx\ry\r", header), "carriage return");
  refused(table.feed("\"v\nx\n", header), "is not closed");
}

TEST_CASE("Without a header a first row may be as long as it likes, quoted over lines or not") {
  Table table("v text");
  const std::string text = std::string(3 << 20, 'a') + "\n\"" + std::string(2 << 20, '\n') + "\"\n";
  const auto ended = table.load({"--from", table.file("l.csv", text)});
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(table.session.exec("SELECT string_agg(length(v)::text, ' ' ORDER BY v DESC) FROM t") ==
        "3145728 2097152");
}

TEST_CASE("A byte order mark is no data, in files and in standard input") {
  for (const bool fed : {false, true}) {
    CAPTURE(fed);
    Table table("v text, n int");
    const std::string text = "\xef\xbb\xbfx,1\ny,2\n";
    const auto ended =
        fed ? table.feed(text, {}) : table.load({"--from", table.file("b.csv", text)});
    CHECK_MESSAGE(ended.code == 0, ended.text());
    CHECK(table.rows() == "x|1\ny|2");
  }
  Table tiny("v text");
  CHECK(tiny.feed("\xef", {}).code == 1);  // no whole character: the server's to refuse
  CHECK(tiny.rows() == "");
}

TEST_CASE("Text values that end with a backslash come whole in every mode") {
  for (const std::string mode : {"copy", "insert", "upsert"}) {
    CAPTURE(mode);
    Table table("id int PRIMARY KEY, v text");
    const auto file = table.file("t.txt", "1\tC:\\\\dir\\\\\n2\tb\\\\\\\nmore\n3\tc\\\\\\\\\n");
    const auto ended = table.load({"--from", file, "--format", "text", "--mode", mode});
    CHECK_MESSAGE(ended.code == 0, ended.text());
    CHECK(table.session.exec("SELECT string_agg(id || '=' || replace(v, E'\\n', '/'), ' ' ORDER BY "
                             "id) FROM t") == "1=C:\\dir\\ 2=b\\/more 3=c\\\\");
  }
}

TEST_CASE("A row with too few or too many fields is rejected like any other bad row") {
  for (const std::string bad : {"2", "2,b,x", "", "x2,b\"q\"r"}) {
    for (const std::string mode : {"copy", "insert"}) {
      CAPTURE(bad);
      CAPTURE(mode);
      Table table("id int, v text");
      const auto file = table.file("r.csv", "1,a\n" + bad + "\n3,c\n");
      const auto ended = table.load({"--from", file, "--reject-limit", "1", "--mode", mode});
      CHECK_MESSAGE(ended.code == 6, ended.text());
      CHECK(table.rows() == "1|a\n3|c");
      const auto rejects = read_text(table.dir / "job" / "rejects" / "public.t.csv");
      CHECK_MESSAGE(rejects.find("id,v\n") == 0, rejects);
      CHECK(std::count(rejects.begin(), rejects.end(), '\n') == 2);
      CHECK(read_text(table.dir / "job" / "rejects" / "public.t.errors.csv").find(",22") !=
            std::string::npos);
    }
  }
}

TEST_CASE("A last line without its end is a row, also where a column is left out") {
  Table table("id int, d int GENERATED ALWAYS AS (id * 2) STORED, v text");
  const auto ended =
      table.load({"--from", table.file("g.csv", "id,v,d\n1,x,2\n2,y,4"), "--header"});
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(table.rows() == "1|2|x\n2|4|y");
}

TEST_CASE("One file by two names is refused, an empty one among others with headers is not") {
  Table table("id int");
  const auto file = table.file("a.csv", "id\n1\n");
  fs::create_hard_link(file, table.dir / "b.csv");
  const auto twice =
      table.load({"--from", file, "--from", (table.dir / "b.csv").string(), "--header"});
  CHECK(twice.code == 2);
  CHECK(says(twice, "given twice"));
  const auto ended = table.load({"--from", table.file("0.csv", ""), "--from", file, "--header"});
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(table.rows() == "1");
}

TEST_CASE("Options that COPY would not take are refused before anything is made") {
  Table table("id int, v text");
  const auto file = table.file("a.csv", "1,a\n");
  for (const auto& options :
       std::vector<std::vector<std::string>>{{"--delimiter", "\""},
                                             {"--null", "a\nb"},
                                             {"--quote", ","},
                                             {"--format", "text", "--delimiter", "x"},
                                             {"--format", "text", "--encoding", "SJIS"},
                                             {"--encoding", "nonsense"}}) {
    CAPTURE(options.front());
    CAPTURE(options.back());
    auto more = options;
    more.insert(more.end(), {"--from", file});
    const auto ended = table.load(more);
    CHECK_MESSAGE(ended.code == 2, ended.text());
    CHECK(says(ended, "HINT:"));
    CHECK_FALSE(fs::exists(table.dir / "job"));
  }
}

TEST_CASE("A resume whose standard input is loaded already does not ask for it again") {
  Table table("id int");
  const auto file = table.file("one.csv", "id\n7\n");
  const std::vector<std::string> more{"--from", file, "--header", "-j", "1", "--max-chunks", "1"};
  const std::string fed = "id\n1\n2\n";
  const auto paused = table.feed(fed, more);
  CHECK_MESSAGE(paused.code == 3, paused.text());
  const bool is_loaded = table.rows() != "7";
  const auto ended =
      Process(program({"resume", (table.dir / "job").string(), "--progress", "none"}), {},
              is_loaded ? "" : fed)
          .wait();
  CHECK_MESSAGE(ended.code == 0, ended.text());
  CHECK(table.rows() == "1\n2\n7");
}
