// import in batches: --mode, --on-conflict and --reject-limit with anybody's files.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "cli/cli_cluster.hpp"

using namespace pgstride::test;

namespace {

struct Into {
  Into() {
    session.exec("CREATE TABLE people (id int PRIMARY KEY, name text, born date);"
                 "INSERT INTO people VALUES (2, 'old', '1999-01-01'), (9, 'stays', NULL)");
  }
  [[nodiscard]] Arguments command(const std::string& text, std::vector<std::string> more) const {
    write_text(dir / "people.csv", text);
    more.insert(more.begin(), {"import", "--target", conninfo, "--job", (dir / "job").string(),
                               "-t", "people", "--progress", "none", "--from"});
    return program(more);
  }
  [[nodiscard]] Ended import(const std::string& text, std::vector<std::string> more) const {
    more.insert(more.begin(), (dir / "people.csv").string());
    return run(command(text, more));
  }
  [[nodiscard]] std::string rejects(const std::string& name) const {
    std::ostringstream out;
    out << std::ifstream(dir / "job" / "rejects" / name, std::ios::binary).rdbuf();
    return out.str();
  }
  std::string people() {
    return session.exec("SELECT id, replace(name, E'\n', '/'), born FROM people ORDER BY id");
  }

  TempDir dir;
  std::string conninfo = cli_cluster().conninfo(cli_cluster().create_database("people"));
  PgSession session{conninfo};
};

const std::string k_rows =
    "id,name,born\n1,\"Ann, the\nfirst\",2000-01-02\n2,Bob,\n3,\"\",2000-01-03\n";

}  // namespace

TEST_CASE("Files are upserted into a table that holds rows, or what is there is kept") {
  Into f;
  auto ended = f.import(k_rows, {"--header"});
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(f.people() == "1|Ann, the/first|2000-01-02\n2|Bob|\n3||2000-01-03\n9|stays|");
  for (const std::string mode : {"upsert", "insert"}) {
    CAPTURE(mode);
    Into kept;
    ended = kept.import(k_rows, {"--header", "--mode", mode, "--on-conflict", "ignore"});
    INFO(ended.text());
    REQUIRE(ended.code == 0);
    CHECK(kept.people() ==
          "1|Ann, the/first|2000-01-02\n2|old|1999-01-01\n3||2000-01-03\n9|stays|");
  }
}

TEST_CASE("Bad rows of a file are rejected, whatever its line ends, rows of several lines too") {
  for (const std::string end : {"\n", "\r\n"}) {
    for (const std::string mode : {"copy", "insert", "upsert"}) {
      CAPTURE(mode);
      CAPTURE(end.size());
      Into f;
      f.session.exec("TRUNCATE people");
      std::string text;
      for (const std::string row : {"id,name,born", "1,\"two\nlines\",2000-01-01", "x,bad id,",
                                    "3,good,2000-01-03", "4,\"bad\ndate\",2000-02-31", "5,last,"}) {
        text += row + end;
      }
      text.resize(text.size() - end.size());  // the last line has no end
      const auto ended = f.import(text, {"--header", "--mode", mode, "--reject-limit", "2"});
      INFO(ended.text());
      REQUIRE(ended.code == 6);
      CHECK(f.people() == "1|two/lines|2000-01-01\n3|good|2000-01-03\n5|last|");
      CHECK(f.rejects("public.people.csv") ==
            "id,name,born\nx,bad id,\n4,\"bad\ndate\",2000-02-31\n");
      const auto errors = f.rejects("public.people.errors.csv");
      INFO(errors);
      CHECK(errors.find(",22P02,") != std::string::npos);
      CHECK(errors.find(",22008,") != std::string::npos);
    }
  }
}

TEST_CASE("Standard input, which can be read once only, is loaded in batches at once") {
  Into f;
  auto command = f.command("", {"-", "--header", "--reject-limit", "1"});
  write_text(f.dir / "in.csv", "id,name,born\n7,good,\nx,bad,\n");
  std::string line;
  for (const auto& word : command) {
    line += "'" + word + "' ";
  }
  const auto ended =
      run(Arguments{"/bin/sh", "-c", line + "< '" + (f.dir / "in.csv").string() + "'"});
  INFO(ended.text());
  CHECK(ended.code == 6);
  CHECK(f.people() == "2|old|1999-01-01\n7|good|\n9|stays|");
  CHECK(f.rejects("public.people.csv") == "id,name,born\nx,bad,\n");
}

TEST_CASE("A table of one file that the job emptied comes frozen, from several files it does not") {
  Into f;
  const auto frozen = [&] {
    return f.session.exec("SELECT relallvisible > 0 FROM pg_class WHERE relname = 'people'");
  };
  auto ended = f.import("1,Ann,\n2,Bob,\n", {"--truncate"});
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(f.people() == "1|Ann|\n2|Bob|");
  CHECK(frozen() == "t");
  std::filesystem::remove_all(f.dir / "job");
  write_text(f.dir / "more.csv", "4,Dan,\n");
  ended = f.import("3,Cid,\n", {"--from", (f.dir / "more.csv").string(), "--truncate"});
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  CHECK(f.people() == "3|Cid|\n4|Dan|");
  CHECK(frozen() == "f");
  std::filesystem::remove_all(f.dir / "job");
  REQUIRE(f.import("1,Ann,\n2,Bob,\n", {}).code == 0);
  CHECK(frozen() == "f");
}

TEST_CASE("A killed import of a frozen table has its rows once, and nobody's are lost for it") {
  for (const std::string step : {"ledger_written", "chunk_copied", "chunk_after_commit"}) {
    CAPTURE(step);
    Into f;
    auto command = f.command("1,Ann,\n2,Bob,\n", {(f.dir / "people.csv").string(), "--truncate"});
    REQUIRE(run(command, {{"PGSTRIDE_CRASH_AT", step}}).signal == 9);
    f.session.exec("INSERT INTO people VALUES (7, 'theirs', NULL)");
    const auto ended = run(command);
    INFO(ended.text());
    CHECK(ended.code == 0);
    CHECK(f.people() == "1|Ann|\n2|Bob|\n7|theirs|");
  }
}

TEST_CASE("What batches can't read is refused before anything is changed") {
  const Into f;
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--format", "binary", "--mode", "upsert"},
        {"--quote", "'", "--reject-limit", "1"}}) {
    CAPTURE(options[0]);
    const auto ended = f.import("1,a,\n", options);
    INFO(ended.text());
    CHECK(ended.code == 2);
    CHECK_FALSE(std::filesystem::exists(f.dir / "job"));
  }
}
