// Values of every type arrive as they were: from server to server, and through files and back.
// Compared on the servers.
#include <doctest/doctest.h>

#include "cli/cli_cluster.hpp"
#include "support/pg_exec.hpp"
#include "support/run_program.hpp"
#include "support/temp_dir.hpp"
#include "support/type_samples.hpp"

using namespace pgstride::test;

namespace {

std::string new_database(const std::string& sql) {
  const auto conninfo = cli_cluster().conninfo(cli_cluster().create_database("types"));
  pg_exec(conninfo, sql);
  return conninfo;
}

std::string digest(const std::string& conninfo, const std::string& table) {
  return pg_exec(conninfo,
                 "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM " + table + " t");
}

void run_well(Arguments arguments) {
  arguments.insert(arguments.end(), {"--progress", "none"});
  const auto ended = run(program(arguments));
  REQUIRE_MESSAGE(ended.code == 0, ended.text());
}

void check_copied(const std::string& source, const std::string& made,
                  const std::vector<std::string>& tables) {
  const TempDir dir;
  const auto target = new_database(made);
  run_well({"copy", "--source", source, "--target", target, "--job", dir / "copy"});
  for (const auto& table : tables) {
    CHECK(digest(target, table) == digest(source, table));
  }
}

void check_through_files(const std::string& source, const std::string& made,
                         const std::vector<std::string>& tables,
                         const std::vector<std::string>& formats) {
  for (const auto& format : formats) {
    CAPTURE(format);
    const TempDir dir;
    const auto target = new_database(made);
    Arguments exporting{"export", "--source", source, "--out", dir / "files", "--format", format};
    for (const auto& table : tables) {
      exporting.insert(exporting.end(), {"--table", table});
    }
    run_well(exporting);
    run_well({"import", "--from", dir / "files", "--target", target, "--job", dir / "load"});
    for (const auto& table : tables) {
      CHECK(digest(target, table) == digest(source, table));
    }
  }
}

struct AllTypes {
  std::string tables;
  std::vector<std::string> fill;
  std::string known;  ///< quoted, with commas between
};

// Tables with a column of each type and of arrays of it: those that may go as binary, and all.
AllTypes all_types() {
  AllTypes all;
  std::string binary;
  std::string text;
  for (const auto* list : {&binary_samples(), &text_samples()}) {
    const bool safe = list == &binary_samples();
    for (const auto& [type, values] : *list) {
      (safe ? binary : text) += ", \"" + type + "\" pg_catalog.\"" + type + "\", \"" + type +
                                "[]\" pg_catalog.\"" + type + "\"[]";
      all.known += (all.known.empty() ? "'" : ", '") + type + "'";
      for (const auto& value : values) {
        std::string quoted = "'";
        for (const char c : value) {
          quoted += c == '\'' ? "''" : std::string(1, c);
        }
        quoted += "'::pg_catalog.\"" + type + "\"";
        const auto what = " (\"" + type + "\", \"" + type + "[]\") VALUES (" + quoted + ", ARRAY[" +
                          quoted + ", NULL])";
        all.fill.push_back("INSERT INTO all_text" + what);
        if (safe) {
          all.fill.push_back("INSERT INTO all_binary" + what);
        }
      }
    }
  }
  all.tables = "CREATE TABLE all_binary (k int" + binary + "); CREATE TABLE all_text (k int" +
               binary + text + ")";
  return all;
}

}  // namespace

TEST_CASE("Every built-in type arrives as it was, in binary and in text, and through files") {
  const auto all = all_types();
  const auto source = new_database(all.tables);
  PgSession session(source);
  for (const auto& sql : all.fill) {
    session.exec(sql);
  }
  // Whatever can be a column has a sample.
  CHECK(session.exec("SELECT string_agg(typname, ' ') FROM pg_type WHERE typnamespace = "
                     "'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm') AND typcategory "
                     "<> 'A' AND typinput::text NOT IN ('pg_node_tree_in', 'pg_ndistinct_in', "
                     "'pg_dependencies_in', 'pg_mcv_list_in', 'brin_bloom_summary_in', "
                     "'brin_minmax_multi_summary_in', 'gtsvectorin') AND typname NOT IN (" +
                     all.known + ")") == "");
  check_copied(source, all.tables, {"all_binary", "all_text"});
  check_through_files(source, all.tables, {"all_binary", "all_text"}, {"csv", "text"});
  check_through_files(source, all.tables, {"all_binary"}, {"binary"});
  const TempDir dir;
  const auto ended = run(program({"export", "--source", source, "--out", dir / "b", "--format",
                                  "binary", "--progress", "none"}));
  CHECK(ended.code == 2);
  CHECK(ended.err.find("column \"aclitem\" of table public.all_text (type aclitem)") !=
        std::string::npos);
  CHECK(ended.err.find("column \"aclitem[]\"") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(dir / "b"));
}

TEST_CASE("Types of the user's own, with other OIDs on the target, arrive as they were") {
  const std::string types = R"sql(
    CREATE TYPE mood AS ENUM ('sad', 'so "so"', 'hap,py');
    CREATE TYPE pair AS (a int, b mood);
    CREATE DOMAIN moods AS mood[];
    CREATE TYPE moodrange AS RANGE (subtype = int4);
    CREATE TABLE other (x int); CREATE EXTENSION IF NOT EXISTS citext;
    CREATE TABLE t (m mood, ma mood[], ms moods, p pair, pa pair[], r moodrange, rc regclass,
                    c citext);)sql";
  const auto source =
      new_database("CREATE TABLE shifts (x int); CREATE TYPE shift AS (a int);" + types + R"sql(
    INSERT INTO t VALUES ('so "so"', '{sad,NULL,"hap,py"}', '{sad}', '(1,sad)',
                          '{"(,)","(2,sad)"}', '[1,5)', 'other', 'CiText'),
                         (NULL, '{}', NULL, NULL, '{}', 'empty', NULL, '');)sql");
  const auto made = types + "CREATE TABLE shifts (x int)";
  check_copied(source, made, {"t"});
  check_through_files(source, made, {"t"}, {"csv", "text"});
  // In binary files they are numbers of their server's: regclass would silently mean another table.
  const TempDir dir;
  run_well({"export", "--source", source, "--out", dir / "b", "--format", "binary"});
  const auto target = new_database(made);
  const auto ended = run(program({"import", "--from", dir / "b", "--target", target, "--job",
                                  dir / "load", "--progress", "none"}));
  CHECK(ended.code == 2);
  CHECK_MESSAGE(ended.err.find("column \"rc\" of type regclass holds values of regclass") !=
                    std::string::npos,
                ended.err);
  CHECK(pg_exec(target, "SELECT count(*) FROM t") == "0");
  // Back into the database that they came from they mean what they did.
  pg_exec(source, "TRUNCATE t");
  run_well({"import", "--from", dir / "b", "--target", source, "--job", dir / "back"});
  CHECK(pg_exec(source, "SELECT count(*) FROM t WHERE rc = 'other'::regclass") == "1");
}
