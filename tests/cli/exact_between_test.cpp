// What others do to a job with a slot and its source between a crash and the resume: a clear error,
// or all that it concerns is redone (correctness.md, 3).
#include <doctest/doctest.h>

#include <csignal>

#include "cli/slot_source.hpp"

using namespace pgstride::test;

namespace {

/// A job that was killed with some of its chunks done.
struct Killed : Source {
  ExportJob job;

  explicit Killed(const std::string& sql = keyed_rows(1000),
                  const std::vector<std::string>& more = {})
      : Source(sql), job(export_job({"--chunk-rows", "100", "-j", "1"})) {
    job.options.insert(job.options.end(), more.begin(), more.end());
    kill_again();
  }

  void kill_again() const {
    REQUIRE(job.run_export({{"PGSTRIDE_CRASH_AT", "chunk_claimed:6"}}).signal == SIGKILL);
  }
  void redo() {
    const auto ended = job.run_resume();
    INFO(ended.text());
    REQUIRE(ended.code == 0);
    check_files(*this, job);
    CHECK(job.status().at("consistency") == "exact");
  }
  void refuse(const std::string& why) const {
    const auto ended = job.run_resume();
    INFO(ended.text());
    CHECK(ended.code == 1);
    CHECK(says(ended, why));
    CHECK(job.status().at("chunks").at("done").get<int>() > 0);
  }
  [[nodiscard]] std::string own_publication() {
    return session.exec("SELECT pubname FROM pg_publication WHERE pubname LIKE 'pgstride_%'");
  }
  [[nodiscard]] std::string reason() const { return table_of(job.status()).at("redo_reason"); }
};

/// A setting of the source for as long as this lives.
struct Setting {
  std::string name;

  Setting(std::string of, const std::string& value) : name(std::move(of)) {
    source_cluster().exec("ALTER SYSTEM SET " + name + " = '" + value + "'");
    source_cluster().exec("SELECT pg_reload_conf()");
  }
  ~Setting() {
    source_cluster().exec("ALTER SYSTEM RESET " + name);
    source_cluster().exec("SELECT pg_reload_conf()");
  }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;
};

}  // namespace

TEST_CASE("Exact: between crash and resume a publication of the job is dropped or altered") {
  Killed killed;
  SUBCASE("the job's own is dropped") {
    killed.session.exec("DROP PUBLICATION " + killed.own_publication());
    killed.session.exec("UPDATE keyed SET note = 'new' WHERE id = 10");
    killed.refuse("is gone, but the job's slot is read through it");
  }
  SUBCASE("the consumer's is dropped") {
    killed.session.exec("DROP PUBLICATION changes");
    killed.refuse("is gone, but the job's slot is read through it");
  }
  SUBCASE("the job's own tells of inserts only, and goes on to do so") {
    killed.session.exec("ALTER PUBLICATION " + killed.own_publication() +
                        " SET (publish = 'insert')");
    killed.session.exec("UPDATE keyed SET note = 'unseen' WHERE id = 10");
    killed.kill_again();
    killed.session.exec("UPDATE keyed SET note = 'unseen too' WHERE id = 20");
    killed.redo();
    CHECK(killed.reason().find("does not tell its changes") != std::string::npos);
  }
  SUBCASE("the job's own is made again by hand, with the same tables") {
    const auto name = killed.own_publication();
    const auto comment = killed.session.exec(
        "SELECT obj_description(oid) FROM pg_publication WHERE pubname = '" + name + "'");
    killed.session.exec("DROP PUBLICATION " + name);
    killed.session.exec("UPDATE keyed SET note = 'unseen' WHERE id = 10");
    killed.session.exec("CREATE PUBLICATION " + name + " FOR TABLE ONLY keyed; COMMENT ON " +
                        "PUBLICATION " + name + " IS '" + comment + "'");
    killed.redo();
    CHECK(killed.reason().find("publication was altered") != std::string::npos);
  }
}

TEST_CASE("Exact: between crash and resume the slot loses its WAL, which ends the resume") {
  Killed killed;
  const Setting limit("max_slot_wal_keep_size", "1MB");
  for (int segment = 0; segment < 4; ++segment) {
    killed.session.exec("UPDATE keyed SET note = 'new' WHERE id = 10");
    killed.session.exec("SELECT pg_switch_wal()");
  }
  killed.session.exec("CHECKPOINT");
  REQUIRE(killed.session.exec("SELECT wal_status FROM pg_replication_slots WHERE slot_name = '" +
                              killed.name + "'") == "lost");
  killed.refuse("has lost its WAL");
}

TEST_CASE("Exact: between crash and resume the table itself is changed") {
  SUBCASE("a column is added, which is seen in all files") {
    Killed killed;
    killed.session.exec("ALTER TABLE keyed ADD extra int DEFAULT 7");
    killed.redo();
  }
  SUBCASE("its replica identity is another one") {
    Killed killed;
    killed.session.exec("ALTER TABLE keyed REPLICA IDENTITY FULL");
    killed.session.exec("UPDATE keyed SET id = -id WHERE id = 10");
    killed.redo();
  }
  SUBCASE("its primary key is dropped, and made again behind an insert") {
    Killed killed;
    killed.session.exec("ALTER TABLE keyed DROP CONSTRAINT keyed_pkey");
    killed.session.exec("INSERT INTO keyed VALUES (-10, 'without a key')");
    killed.session.exec("ALTER TABLE keyed ADD PRIMARY KEY (id)");
    killed.redo();
  }
  SUBCASE("VACUUM FULL moves the rows of a table that is split by pages") {
    Killed killed(keyed_rows(20000), {"--split", "ctid"});
    killed.session.exec("DELETE FROM keyed WHERE id <= 5000");
    killed.session.exec("VACUUM FULL keyed");
    killed.redo();
  }
  SUBCASE("it is dropped and made again with the same columns") {
    Killed killed;
    killed.session.exec("DROP TABLE keyed");
    killed.session.exec(keyed_rows(300));
    const auto ended = killed.job.run_resume();
    INFO(ended.text());
    if (ended.code == 0) {
      check_files(killed, killed.job);
    } else {
      CHECK(ended.code == 1);
      CHECK(says(ended, "keyed"));
    }
  }
}

TEST_CASE("Exact: between crash and resume leaves come, go and are made again") {
  Killed killed("CREATE TABLE keyed (id bigint, day int, note text, PRIMARY KEY (id, day)) "
                "PARTITION BY LIST (day);"
                "CREATE TABLE keyed_1 PARTITION OF keyed FOR VALUES IN (1);"
                "CREATE TABLE keyed_2 PARTITION OF keyed FOR VALUES IN (2);"
                "CREATE TABLE keyed_3 PARTITION OF keyed FOR VALUES IN (3);"
                "CREATE TABLE keyed_4 PARTITION OF keyed FOR VALUES IN (4);"
                "CREATE TABLE apart (LIKE keyed INCLUDING INDEXES);"
                "INSERT INTO apart SELECT i, 6, 'apart' FROM generate_series(1, 50) i;"
                "INSERT INTO keyed SELECT i, 1 + i % 4, 'row' FROM generate_series(1, 2000) i;"
                "ANALYZE keyed");
  killed.session.exec("ALTER TABLE keyed DETACH PARTITION keyed_1");
  killed.session.exec("DROP TABLE keyed_2");
  killed.session.exec("ALTER TABLE keyed DETACH PARTITION keyed_3");
  killed.session.exec("DELETE FROM keyed_3 WHERE id % 2 = 0");
  killed.session.exec("ALTER TABLE keyed ATTACH PARTITION keyed_3 FOR VALUES IN (3)");
  killed.session.exec("CREATE TABLE keyed_5 PARTITION OF keyed FOR VALUES IN (5)");
  killed.session.exec("INSERT INTO keyed SELECT i, 5, 'new' FROM generate_series(1, 50) i");
  killed.session.exec("ALTER TABLE keyed ATTACH PARTITION apart FOR VALUES IN (6)");
  killed.redo();
  // Of those that came the job's publication tells from now on.
  killed.session.exec("UPDATE keyed SET note = 'newer' WHERE id = 7; DELETE FROM keyed_5 WHERE id "
                      "= 8");
  const auto refreshed = killed.job.run_resume({"--refresh"});
  INFO(refreshed.text());
  REQUIRE(refreshed.code == 0);
  check_files(killed, killed.job);
}

TEST_CASE(
    "Exact: a slot that was advanced by a run that was killed then is made durable by the next") {
  Source source(keyed_rows(600));
  const auto job = source.export_job({"--chunk-rows", "100", "-j", "1"});
  REQUIRE(job.run_export().code == 0);
  source.session.exec("UPDATE keyed SET note = 'new' WHERE id = 150");
  REQUIRE(run(job.resume_command({"--refresh"}), {{"PGSTRIDE_CRASH_AT", "slot_advanced"}}).signal ==
          SIGKILL);
  REQUIRE(job.run_resume().code == 0);
  source_cluster().restart(StopMode::immediate);
  source.session = source_cluster().session(source.name);
  CHECK(source.confirmed() == job.status().at("start_lsn"));
}

TEST_CASE("Exact: a slot that was to be advanced is known again when nothing done is left") {
  Copy copy(keyed_rows(50), "CREATE TABLE keyed (id bigint, note text)");
  REQUIRE(copy.job.run_copy().code == 0);
  for (const auto* step : {"slot_advancing", "snapshot_taken", "tables_started"}) {
    copy.session.exec("UPDATE keyed SET note = note || '!'");
    const auto killed = copy.job.run_resume({"--refresh"}, {{"PGSTRIDE_CRASH_AT", step}});
    INFO(killed.text());
    REQUIRE(killed.signal == SIGKILL);
  }
  const auto ended = copy.job.run_resume();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  copy.check_same();
  CHECK(copy.job.status().at("consistency") == "exact");
}

TEST_CASE("Exact: a source that crashes right after the slot was advanced takes nothing back") {
  Source source(keyed_rows(600));
  const auto job = source.export_job({"--chunk-rows", "100", "-j", "1"});
  REQUIRE(job.run_export().code == 0);
  source.session.exec("UPDATE keyed SET note = 'new' WHERE id = 150");
  REQUIRE(run(job.resume_command({"--refresh"}), {{"PGSTRIDE_CRASH_AT", "slot_advanced"}}).signal ==
          SIGKILL);
  source_cluster().restart(StopMode::immediate);
  source.session = source_cluster().session(source.name);
  source.session.exec("UPDATE keyed SET note = 'newer' WHERE id = 450");
  REQUIRE(job.run_resume().code == 0);
  CHECK(source.confirmed() == job.status().at("start_lsn"));
  source_cluster().restart(StopMode::immediate);  // it was made durable
  source.session = source_cluster().session(source.name);
  CHECK(source.confirmed() == job.status().at("start_lsn"));
  REQUIRE(job.run_resume({"--refresh"}).code == 0);
  check_files(source, job);
}

TEST_CASE(
    "Exact: between crash and resume a standby takes the source's place, which ends the resume") {
  Killed killed;
  killed.session.exec("UPDATE keyed SET note = 'new' WHERE id = 10");
  auto& cluster = source_cluster();
  cluster.stop();
  write_text(cluster.directory() / "data" / "standby.signal", "");
  cluster.start();
  cluster.exec("SELECT pg_promote()");
  killed.session = cluster.session(killed.name);
  killed.session.exec("CHECKPOINT");  // by which pg_control knows the new timeline
  killed.refuse("timeline");
  const auto fuzzy = killed.job.run_resume({"--consistency", "fuzzy"});
  INFO(fuzzy.text());
  CHECK(fuzzy.code == 0);
  CHECK(killed.job.status().at("consistency") == "fuzzy");
}

TEST_CASE("Exact: a target that is away while the others are brought to a snapshot comes later") {
  Copy copy(keyed_rows(1000), "CREATE TABLE keyed (id bigint, note text)");
  TempCluster away;
  copy.job.targets.push_back(away.conninfo());
  away.exec("CREATE TABLE keyed (id bigint, note text)");
  REQUIRE(copy.job.run_copy({{"PGSTRIDE_CRASH_AT", "chunk_copied:7"}}).signal == SIGKILL);
  copy.session.exec("UPDATE keyed SET note = 'new' WHERE id = 10");
  away.stop();
  const auto without = copy.job.run_resume();
  INFO(without.text());
  CHECK(without.code == 1);
  copy.session.exec("UPDATE keyed SET id = -id WHERE id = 20");
  away.start();
  const auto ended = copy.job.run_resume();
  INFO(ended.text());
  REQUIRE(ended.code == 0);
  copy.check_same();
  copy.target = away.conninfo();
  copy.check_same();
  CHECK(copy.job.status().at("consistency") == "exact");
  CHECK(copy.confirmed() == copy.job.status().at("start_lsn"));
}
