#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "target/column_match.hpp"
#include "target_database.hpp"

using namespace pgstride;
using namespace pgstride::test;
using Names = std::vector<std::string>;

namespace {

target::MatchedColumns match(TargetDatabase& db, const std::string& source,
                             const std::string& target) {
  const auto facts = db.read({source, target});
  return target::match_columns(as_source(facts.tables[0]), facts.types, facts.tables[1],
                               facts.types);
}

// `note column …`, one for each difference.
Names words(const std::vector<target::Difference>& differences) {
  Names out;
  for (const auto& difference : differences) {
    const char* severity = difference.severity == target::Severity::note      ? "note "
                           : difference.severity == target::Severity::warning ? "warning "
                                                                              : "error ";
    out.push_back(severity + difference.message);
  }
  return out;
}

// How a column of type `source` fits one of type `target`, in a word and what is said of it.
std::string fit(TargetDatabase& db, const std::string& source, const std::string& target) {
  db.exec("DROP TABLE IF EXISTS s, t; CREATE TABLE s (c " + source + "); CREATE TABLE t (c " +
          target + ")");
  const auto said = words(match(db, "s", "t").differences);
  if (said.empty()) {
    return "same";
  }
  const auto text = said.front();
  const auto effect = text.find(" on the target: ");
  return text.substr(0, text.find(' ')) +
         (effect == std::string::npos ? "" : text.substr(effect + 15));
}

}  // namespace

TEST_CASE("Columns match by name, whatever their order; generated ones stay out on both sides") {
  TargetDatabase db;
  db.exec(R"sql(
    CREATE TABLE s (a int, "B b" text, c int GENERATED ALWAYS AS (1) STORED,
                    d int GENERATED ALWAYS AS (2) STORED, e int);
    CREATE TABLE t (e int GENERATED ALWAYS AS (3) STORED, d int,
                    c int GENERATED ALWAYS AS (1) STORED, "B b" text, a int))sql");
  const auto matched = match(db, "s", "t");
  CHECK(matched.names() == Names{"a", "B b", "d"});
  CHECK(matched.columns[2].source.generated);
  CHECK(matched.loadable());
  CHECK(words(matched.differences) ==
        Names{"note column \"d\" of public.t is generated in the source and plain on the target: "
              "its values are loaded",
              "warning column \"e\" of public.t is generated on the target: the source's values "
              "are not loaded"});
}

TEST_CASE("Columns that only one side has are named with what becomes of them") {
  TargetDatabase db;
  db.exec(R"sql(
    CREATE DOMAIN must AS int NOT NULL;
    CREATE TABLE s (a int, lost int, n int);
    CREATE TABLE t (a int, id int GENERATED ALWAYS AS IDENTITY, d int DEFAULT 1 NOT NULL, free int,
                    hard int NOT NULL, harder must, g int GENERATED ALWAYS AS (1) STORED,
                    n int NOT NULL))sql");
  const auto matched = match(db, "s", "t");
  CHECK_FALSE(matched.loadable());
  CHECK(matched.names() == Names{"a", "n"});
  CHECK(words(matched.differences) ==
        Names{"error column \"lost\" is not in the target table public.t",
              "warning column \"n\" of public.t is NOT NULL on the target, not in the source: a "
              "NULL stops the load",
              "note column \"id\" of public.t is not in the source: it takes its default",
              "note column \"d\" of public.t is not in the source: it takes its default",
              "warning column \"free\" of public.t is not in the source: it stays NULL",
              "error column \"hard\" of public.t is not in the source, and it is NOT NULL without "
              "a default",
              "error column \"harder\" of public.t is not in the source, and it is NOT NULL "
              "without a default"});
  db.exec("CREATE TABLE none (); CREATE TABLE other_none ()");
  CHECK(match(db, "none", "other_none").loadable());
  CHECK_FALSE(match(db, "s", "none").loadable());
}

TEST_CASE("A type that differs is judged by what its text means to the other") {
  TargetDatabase db;
  db.exec(
      "CREATE TYPE mood AS ENUM ('a'); CREATE TYPE mood2 AS ENUM ('a'); CREATE DOMAIN d AS int; "
      "CREATE TYPE pair AS (a int); CREATE SCHEMA other; CREATE TYPE other.mood AS ENUM ('a')");
  CHECK(fit(db, "int", "bigint") == "note");
  CHECK(fit(db, "int[]", "bigint[]") == "note");
  CHECK(fit(db, "varchar", "text") == "note");
  CHECK(fit(db, "varchar(10)", "text") == "note");
  CHECK(fit(db, "int", "d") == "same");
  CHECK(fit(db, "d", "bigint") == "note");
  CHECK(fit(db, "mood", "mood") == "same");
  CHECK(fit(db, "int4range", "int8range") == "note");
  CHECK(fit(db, "jsonb", "json") == "note");
  CHECK(fit(db, "bigint", "int") == "warning values out of range stop the load");
  CHECK(fit(db, "int", "text") == "warning values are stored as text");
  CHECK(fit(db, "mood", "text") == "warning values are stored as text");
  CHECK(fit(db, "regclass", "text") == "warning values are stored as text");
  CHECK(fit(db, "text", "int") == "warning values that are not of the target's type stop the load");
  CHECK(fit(db, "timestamp", "timestamptz") == "warning values are taken for UTC");
  CHECK(fit(db, "json", "jsonb") == "warning spaces, order and doubled keys of objects are lost");
  CHECK(fit(db, "mood", "mood2") == "warning labels that the target's type lacks stop the load");
  CHECK(fit(db, "mood", "other.mood") ==
        "warning labels that the target's type lacks stop the load");
  CHECK(fit(db, "char(5)", "text") == "warning the blanks that pad a value become part of it");
  CHECK(fit(db, "text", "\"char\"") == "warning values are cut to their first byte");
  for (const auto& [source, target] :
       std::vector<std::pair<std::string, std::string>>{{"bool", "int"},
                                                        {"date", "int"},
                                                        {"regclass", "int8"},
                                                        {"money", "numeric"},
                                                        {"int", "int[]"},
                                                        {"jsonb", "pair"},
                                                        {"int4range", "int4multirange"},
                                                        {"uuid", "bytea"},
                                                        {"date", "time"},
                                                        {"int", "mood"}}) {
    CAPTURE(source);
    CAPTURE(target);
    CHECK(fit(db, source, target) == "error");
  }
}

TEST_CASE("A narrower modifier is a warning, a wider one nothing") {
  TargetDatabase db;
  CHECK(fit(db, "varchar(10)", "varchar(20)") == "same");
  CHECK(fit(db, "varchar(10)", "varchar") == "same");
  CHECK(fit(db, "varchar(20)", "varchar(10)") == "warning longer values stop the load");
  CHECK(fit(db, "varchar", "varchar(10)") == "warning longer values stop the load");
  CHECK(fit(db, "text", "varchar(10)") == "warning longer values stop the load");
  CHECK(fit(db, "varchar(9)", "char(10)") == "note");
  CHECK(fit(db, "numeric(10,2)", "numeric(12,2)") == "same");
  CHECK(fit(db, "numeric(10,2)", "numeric(12,4)") == "same");
  CHECK(fit(db, "numeric(10,2)", "numeric(10,4)") == "warning larger values stop the load");
  CHECK(fit(db, "numeric(10,4)", "numeric(10,2)") ==
        "warning values with more decimals are rounded, larger ones stop the load");
  CHECK(fit(db, "numeric", "numeric(10,2)") ==
        "warning values with more decimals are rounded, larger ones stop the load");
  CHECK(fit(db, "timestamp(3)", "timestamp(6)") == "same");
  CHECK(fit(db, "timestamptz", "timestamptz(3)") == "warning fractions of a second are rounded");
  CHECK(fit(db, "bit(3)", "bit(4)") == "warning values of another length stop the load");
}

TEST_CASE("What is wrong with a target table as a whole is told") {
  TargetDatabase db;
  db.exec(R"sql(
    CREATE TABLE plain (i int); CREATE UNLOGGED TABLE u (i int);
    CREATE VIEW v AS SELECT 1 AS i; CREATE MATERIALIZED VIEW m AS SELECT 1 AS i; CREATE SEQUENCE q;
    CREATE TABLE secured (i int); ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER fires BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION f();
    CREATE VIEW w AS SELECT 1 AS i;
    CREATE TRIGGER fires INSTEAD OF INSERT ON w FOR EACH ROW EXECUTE FUNCTION f();
    CREATE ROLE loader LOGIN; GRANT SELECT ON secured, plain TO loader)sql");
  const auto said = [&](const std::string& name) {
    return words(target::table_differences(db.read_one(name)));
  };
  CHECK(said("plain").empty());
  CHECK(said("w") == Names{"warning public.w is a view: what its triggers (fires) do with rows is "
                           "not seen, and those that they drop count as loaded"});
  CHECK(said("nothing") == Names{"error the target has no table public.nothing"});
  CHECK(said("v") == Names{"error public.v is no table on the target"});
  CHECK(said("m") == Names{"error public.m is no table on the target"});
  CHECK(said("q") == Names{"error public.q is no table on the target"});
  CHECK(said("u") == Names{"warning public.u is unlogged: a crash of the target empties it "
                           "unnoticed",
                           "warning triggers of public.u fire for each row: fires"});
  CHECK(said("secured").empty());
  auto loader = db.connect("loader");
  const auto seen =
      target::read_target_tables(loader, {{"public", "secured"}, {"public", "plain"}});
  CHECK(words(target::table_differences(seen.tables[0])) ==
        Names{"error row security is in force for the target's user on public.secured"});
  const auto denied =
      target::match_columns(as_source(seen.tables[1]), seen.types, seen.tables[1], seen.types);
  CHECK(words(denied.differences) == Names{"error may not insert into column \"i\" of "
                                           "public.plain"});
  db.exec("DROP OWNED BY loader; DROP ROLE loader");
}
