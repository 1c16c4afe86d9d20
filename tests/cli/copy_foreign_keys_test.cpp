// What becomes of rows that come before those they refer to.
#include <doctest/doctest.h>

#include "cli/two_databases.hpp"

using namespace pgstride::test;

namespace {

const std::string k_family = "CREATE TABLE z_parent (id int PRIMARY KEY);"
                             "CREATE TABLE a_child (id int PRIMARY KEY, parent int NOT NULL";

std::string reject_ids(const CopyJob& job, const std::string& table) {
  PgSession session(job.source);
  session.exec("DROP TABLE IF EXISTS back; CREATE TABLE back (id int, parent int)");
  session.copy_in("COPY back FROM STDIN WITH (FORMAT csv, HEADER)", [&](const auto& bytes) {
    bytes(read_text(job.directory / "rejects" / (table + ".csv")));
  });
  return session.exec("SELECT string_agg(id::text, ' ' ORDER BY id) FROM back");
}

}  // namespace

TEST_CASE("A row is not rejected because the job has not loaded yet what it refers to") {
  const std::string rows =
      "INSERT INTO z_parent SELECT generate_series(1, 500);"
      "INSERT INTO a_child SELECT i, 1 + i % 500 FROM generate_series(1, 1000) "
      "i; INSERT INTO a_child VALUES (1001, 9999)";
  const std::string key_of_a_partition =
      ") PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF a_child DEFAULT; "
      "ALTER TABLE part ADD FOREIGN KEY (parent) REFERENCES z_parent";
  for (const std::string& key :
       {std::string(" REFERENCES z_parent)"),
        std::string(" REFERENCES z_parent DEFERRABLE INITIALLY DEFERRED)"), key_of_a_partition}) {
    CAPTURE(key);
    const TwoDatabases f(k_family + ");" + rows, k_family + key);
    const auto early = f.copy({"-t", "a_child", "-t", "z_parent", "--reject-limit", "100"});
    INFO(early.text());
    REQUIRE(early.code == 1);
    CHECK(says(early, "refers to public.z_parent, which is loaded by the same job"));
    CHECK(says(early, "--defer-indexes"));
    CHECK(f.there("SELECT count(*) FROM z_parent") == "500");
    CHECK_FALSE(std::filesystem::exists(f.job.directory / "rejects" / "public.a_child.csv"));
    const auto ended = f.job.run_resume();
    INFO(ended.text());
    REQUIRE(ended.code == 6);
    CHECK(f.there("SELECT count(*) FROM a_child") == "1000");
    CHECK(reject_ids(f.job, "public.a_child") == "1001");
  }
}
