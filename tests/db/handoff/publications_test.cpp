// Publications as a job makes, extends, checks and drops them, on whatever server PGSTRIDE_PGBIN
// names.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "handoff/publications.hpp"
#include "handoff/replica_identity.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::handoff {

namespace {

struct PublicationFixture {
  PublicationFixture() {
    test::pg_exec(test::shared_cluster().conninfo(database),
                  "CREATE TABLE a (i int PRIMARY KEY, v text);"
                  "CREATE TABLE b (i int, v text); ALTER TABLE b REPLICA IDENTITY FULL;"
                  "CREATE TABLE none (i int);"
                  "CREATE TABLE deferred (i int PRIMARY KEY DEFERRABLE);"
                  "CREATE TABLE nothing (i int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY "
                  "NOTHING;"
                  "CREATE UNLOGGED TABLE fast (i int PRIMARY KEY);"
                  "CREATE TABLE indexed (i int NOT NULL, j int NOT NULL);"
                  "CREATE UNIQUE INDEX ij ON indexed (j, i);"
                  "ALTER TABLE indexed REPLICA IDENTITY USING INDEX ij;"
                  "CREATE VIEW seen AS SELECT 1 AS i");
  }
  std::string exec(const std::string& sql) const {
    return test::pg_exec(test::shared_cluster().conninfo(database), sql);
  }
  [[nodiscard]] PublishedName name(const std::string& table) const {
    const auto oid = std::stoul(exec("SELECT '" + table + "'::regclass::oid"));
    return {"public", table, static_cast<std::uint32_t>(oid), true};
  }
  [[nodiscard]] std::string listed() const {
    return exec("SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_publication_tables "
                "WHERE pubname = 'P \"x\"'");
  }
  [[nodiscard]] std::vector<PublicationFault> faults(const std::vector<std::string>& tables,
                                                     bool via_root = false) {
    std::vector<PublishedName> names;
    names.reserve(tables.size());
    for (const auto& table : tables) {
      names.push_back(name(table));
    }
    return publication_faults(session, "given", names, names, via_root);
  }

  std::string database = test::shared_cluster().create_database("published");
  pg::Connection session{
      {test::shared_cluster().conninfo(database), "pgstride/test/publication", {}, {}}};
  const std::string publication = "P \"x\"";
  const std::string uid = "0123";
  const std::string comment = publication_comment(uid, "its_slot");
};

}  // namespace

TEST_CASE_FIXTURE(PublicationFixture, "A replica identity is usable where UPDATE still works") {
  std::vector<std::uint32_t> oids;
  for (const auto* table : {"a", "b", "none", "deferred", "nothing", "fast", "indexed", "seen"}) {
    oids.push_back(name(table).oid);
  }
  const auto found = replica_identities(session, oids);
  REQUIRE(found.size() == oids.size());
  for (const auto& one : found) {
    const auto table = exec("SELECT relname FROM pg_class WHERE oid = " + std::to_string(one.oid));
    CAPTURE(table);
    const bool usable = table == "a" || table == "b" || table == "indexed";
    CHECK(one.unusable.empty() == usable);
    if (table == "indexed") {
      CHECK(one.columns == std::vector<std::string>{"j", "i"});
      CHECK(one.identity == 'i');
    }
    if (usable) {  // as the server sees it
      CHECK_NOTHROW(exec("CREATE PUBLICATION probe FOR TABLE " + table + "; UPDATE " + table +
                         " SET i = i; DROP PUBLICATION probe"));
    }
  }
}

TEST_CASE_FIXTURE(PublicationFixture, "The job's publication is known by its comment alone") {
  CHECK(find_publication(session, publication, uid) == Publication::missing);
  make_publication(session, publication, comment, {name("a")}, true);
  CHECK(find_publication(session, publication, uid) == Publication::of_the_job);
  CHECK(find_publication(session, publication, "9") == Publication::of_another_job);
  CHECK(another_job_reads(session, "its_slot", "9"));
  CHECK_FALSE(another_job_reads(session, "slot", "9"));
  CHECK_FALSE(another_job_reads(session, "its_slot", uid));
  CHECK(exec("SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate AND pubviaroot FROM "
             "pg_publication") == "t");
  extend_publication(session, publication, {name("a"), name("b")});
  extend_publication(session, publication, {name("b")});
  CHECK(listed() == "a,b");
  CHECK_FALSE(drop_publication(session, publication, "9"));
  CHECK(drop_publication(session, publication, uid));
  CHECK_FALSE(drop_publication(session, publication, uid));
}

TEST_CASE_FIXTURE(PublicationFixture, "A lock in the way ends the wait soon, with nothing made") {
  auto other = test::shared_cluster().session(database);
  other.exec("BEGIN; LOCK TABLE a IN SHARE MODE");
  try {
    make_publication(session, publication, comment, {name("a")}, false);
    FAIL("the publication was made");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::lock);
  }
  CHECK(find_publication(session, publication, uid) == Publication::missing);
  other.exec("COMMIT");
  make_publication(session, publication, comment, {name("a")}, false);
  CHECK(listed() == "a");
}

TEST_CASE_FIXTURE(PublicationFixture, "What a publication keeps back is named with its remedy") {
  exec("CREATE PUBLICATION given FOR TABLE a WITH (publish = 'insert, update')");
  auto found = faults({"a", "b"}, true);
  REQUIRE(found.size() == 3);
  CHECK(found[0].what == "it leaves out DELETE, TRUNCATE");
  for (const auto& fault : found) {
    exec(fault.remedy);
  }
  CHECK(faults({"a", "b"}, true).empty());
  if (test::shared_cluster().major_version() >= 15) {
    exec("ALTER PUBLICATION given SET TABLE a (i), b WHERE (i > 1)");
    found = faults({"a", "b"});
    REQUIRE(found.size() == 2);
    for (const auto& fault : found) {
      exec(fault.remedy);
    }
    CHECK(faults({"a", "b"}).empty());
    exec("CREATE SCHEMA other; CREATE TABLE other.c (i int PRIMARY KEY);"
         "ALTER PUBLICATION given ADD TABLES IN SCHEMA other");
    const auto oid = std::stoul(exec("SELECT 'other.c'::regclass::oid"));
    const std::vector<PublishedName> names = {
        {"other", "c", static_cast<std::uint32_t>(oid), true}};
    CHECK(publication_faults(session, "given", names, names, false).empty());
  }
  exec("DROP PUBLICATION given; CREATE PUBLICATION given FOR ALL TABLES");
  CHECK(faults({"a", "b", "indexed"}).empty());
}

TEST_CASE_FIXTURE(PublicationFixture, "A leaf is published by an ancestor") {
  exec("CREATE TABLE p (i int PRIMARY KEY) PARTITION BY RANGE (i);"
       "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9) PARTITION BY RANGE (i);"
       "CREATE TABLE p11 PARTITION OF p1 FOR VALUES FROM (0) TO (9);"
       "CREATE PUBLICATION given FOR TABLE p WITH (publish_via_partition_root = true)");
  CHECK(faults({"p11"}, true).empty());
  CHECK(faults({"p11", "a"}, true).size() == 1);
}

}  // namespace pgstride::handoff
