// What `pgstride copy --create-schema` makes, leaves out and tells where it is more than tables
// with their keys, or where only some of them are chosen.
#include <doctest/doctest.h>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

using namespace pgstride::test;

namespace {

struct Parts {
  std::string source_name = cli_cluster().create_database("parts");
  std::string target_name = cli_cluster().create_database("parts_of");
  TempDir dir;
  CopyJob job{.source = cli_cluster().conninfo(source_name),
              .targets = {cli_cluster().conninfo(target_name)},
              .directory = dir / "job",
              .kinds = {},
              .options = {"--create-schema", "-j", "2"}};

  explicit Parts(const std::string& sql) { pg_exec(job.source, sql); }

  [[nodiscard]] Ended copy(const std::vector<std::string>& more = {}) const {
    return run(job.copy_command(more));
  }
  // To its end, without a failure.
  [[nodiscard]] std::string copied(const std::vector<std::string>& more = {}) const {
    const auto ended = copy(more);
    INFO(ended.text());
    CHECK(ended.code == 0);
    return ended.err;
  }
  [[nodiscard]] std::string in_target(const std::string& sql) const {
    return pg_exec(job.targets.front(), sql);
  }
  [[nodiscard]] std::string constraints() const {
    return in_target("SELECT string_agg(conname || ' ' || pg_get_constraintdef(oid), '; ' "
                     "ORDER BY conname) FROM pg_constraint "
                     "WHERE connamespace = 'public'::regnamespace");
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("Of a partitioned table only the chosen partitions are made, with their keys") {
  const std::string sql = "CREATE TABLE pt (id int PRIMARY KEY) PARTITION BY RANGE (id);"
                          "CREATE TABLE pt1 PARTITION OF pt FOR VALUES FROM (0) TO (10);"
                          "CREATE TABLE pt2 PARTITION OF pt FOR VALUES FROM (10) TO (20);"
                          "INSERT INTO pt SELECT generate_series(1, 15)";
  const std::vector<std::vector<std::string>> selections{{"-t", "pt", "-T", "pt2"}, {"-t", "pt1"}};
  for (const auto& selection : selections) {
    const Parts parts(sql);
    (void)parts.copied(selection);
    CHECK(parts.in_target("SELECT count(*), max(id), to_regclass('pt2') FROM pt") == "9|9|");
    CHECK(parts.constraints() == "pt1_pkey PRIMARY KEY (id); pt_pkey PRIMARY KEY (id)");
    CHECK(parts.in_target(
              "SELECT indisvalid FROM pg_index WHERE indexrelid = 'pt_pkey'::regclass") == "t");
  }
}

TEST_CASE("What can't be built at the end is the reason of a failed job; mended, it is resumed") {
  const Parts parts(
      "CREATE TABLE a (i int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 9)");
  REQUIRE(parts.copy({"--chunk-rows", "3", "--max-chunks", "1"}).code == 3);
  (void)parts.in_target("CREATE TABLE taken (i int); CREATE INDEX a_pkey ON taken (i)");
  const auto failed = parts.job.run_resume();
  INFO(failed.text());
  CHECK(failed.code == 1);
  CHECK(parts.job.status()["state"] == "failed");
  CHECK(has(parts.job.status()["reason"], "1 deferred indexes or constraints could not be built"));
  (void)parts.in_target("DROP TABLE taken");
  REQUIRE(parts.job.run_resume().code == 0);
  CHECK(parts.constraints() == "a_pkey PRIMARY KEY (i)");
  CHECK(parts.job.status()["state"] == "done");
}

TEST_CASE("Checks of domains and statistics objects come along, whatever they are called") {
  const Parts parts("CREATE DOMAIN dn AS int; CREATE TABLE t (a dn, b int);"
                    "INSERT INTO t VALUES (-1);"
                    "ALTER DOMAIN dn ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID;"
                    "CREATE SCHEMA \"DATA\"; CREATE STATISTICS \"DATA\".st ON a, b FROM t");
  (void)parts.copied();
  CHECK(parts.constraints() == "c CHECK ((VALUE > 0)) NOT VALID");
  CHECK(parts.in_target("SELECT stxname FROM pg_statistic_ext") == "st");
}

TEST_CASE("A domain that the target has stays as it is") {
  const Parts parts("CREATE DOMAIN dn AS int; CREATE TABLE t (a dn);"
                    "ALTER DOMAIN dn ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID");
  (void)parts.in_target("CREATE DOMAIN dn AS int");
  const auto told = parts.copied();
  CHECK(has(told, "left out: CHECK CONSTRAINT public dn c"));
  CHECK(has(told, "the target had the domain before"));
  CHECK(parts.constraints() == "");
}

TEST_CASE("Keys, policies, rules and triggers that need tables not chosen are left out and told") {
  const Parts parts(
      "CREATE TABLE other (i int PRIMARY KEY);"
      "CREATE TABLE t (i int PRIMARY KEY, o int REFERENCES other);"
      "CREATE FUNCTION of_other(other) RETURNS bool LANGUAGE sql AS 'SELECT true';"
      "CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
      "CREATE POLICY pp ON t USING (EXISTS (SELECT FROM other));"
      "CREATE POLICY pf ON t USING (of_other(NULL)); CREATE POLICY stays ON t USING (i > 0);"
      "CREATE RULE ru AS ON DELETE TO t DO ALSO DELETE FROM other WHERE i = old.i;"
      "CREATE CONSTRAINT TRIGGER ct AFTER INSERT ON t FROM other FOR EACH ROW EXECUTE FUNCTION "
      "tf();"
      "CREATE TABLE pt (id int) PARTITION BY LIST (id);"
      "CREATE TABLE pt1 PARTITION OF pt DEFAULT; CREATE INDEX half ON ONLY pt (id)");
  const auto told = parts.copied({"-t", "t", "-t", "pt"});
  for (const std::string what :
       {"FK CONSTRAINT public t t_o_fkey postgres: it refers to public.other",
        "POLICY public t pp postgres: it needs public.other",
        "POLICY public t pf postgres: it needs public.other",
        "RULE public t ru postgres: it needs public.other",
        "TRIGGER public t ct postgres: it needs public.other",
        "INDEX public half postgres: not all partitions have it"}) {
    CHECK_MESSAGE(has(told, "left out: " + what), told);
  }
  CHECK(parts.constraints() == "t_pkey PRIMARY KEY (i)");
  CHECK(parts.in_target("SELECT polname FROM pg_policy") == "stays");
  CHECK(parts.in_target("SELECT to_regclass('other'), to_regclass('half')") == "|");
}

TEST_CASE("A policy of a role that the target lacks is left out and told") {
  Parts parts("CREATE TABLE t (i int); INSERT INTO t VALUES (1);"
              "CREATE POLICY p ON t TO limited, public USING (true);"
              "CREATE POLICY q ON t USING (true)");
  pg_exec(parts.job.source, "DROP POLICY p ON t; CREATE POLICY p ON t TO limited USING (true)");
  TempCluster other;
  parts.job.targets = {other.conninfo()};
  const auto told = parts.copied();
  CHECK(has(told, "left out: POLICY public t p postgres: the target has no role \"limited\""));
  CHECK(parts.in_target("SELECT polname FROM pg_policy") == "q");
}

TEST_CASE("What an exclusion constraint needs is made before it") {
  const Parts parts(
      "CREATE EXTENSION btree_gist; CREATE FUNCTION fe(int) RETURNS int4range LANGUAGE sql "
      "IMMUTABLE AS 'SELECT int4range($1, $1 + 1)';"
      "CREATE TABLE ex (uid int, r int4range, EXCLUDE USING gist (uid WITH =, r WITH &&),"
      "  EXCLUDE USING gist (fe(uid) WITH &&)); CREATE TABLE more (i int)");
  (void)parts.copied({"-t", "ex"});
  CHECK(parts.constraints() == "ex_fe_excl EXCLUDE USING gist (fe(uid) WITH &&); "
                               "ex_uid_r_excl EXCLUDE USING gist (uid WITH =, r WITH &&)");
}

TEST_CASE("A table or view whose row type is a column's comes along without rows, and is told") {
  const Parts parts("CREATE TABLE below (i int); CREATE VIEW v AS SELECT i FROM below;"
                    "CREATE TABLE rowt (a int); INSERT INTO rowt VALUES (1);"
                    "CREATE TABLE t (r rowt, v v); INSERT INTO t VALUES (ROW(7), ROW(8))");
  const auto told = parts.copied({"-t", "t"});
  CHECK(has(told, "made without its rows: TABLE public rowt"));
  CHECK(parts.in_target("SELECT (r).a, (v).i, (SELECT count(*) FROM rowt) FROM t") == "7|8|0");
}
