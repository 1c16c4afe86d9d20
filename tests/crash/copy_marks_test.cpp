// A copy without a ledger: commits that were not heard of, a target that is restarted before it can
// be asked, a backend that outlives its client. The targets' tables have no unique index.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>

#include "harness/copy_job.hpp"
#include "support/cutting_proxy.hpp"
#include "support/temp_cluster.hpp"

using namespace pgstride::test;

namespace {

constexpr long k_rows = 3000;

TempCluster& target_cluster() {
  static TempCluster cluster;
  return cluster;
}

const std::vector<TableKind>& some_kinds() {
  static const std::vector<TableKind> kinds = {kind("orders"), kind("no_key"), kind("nullable")};
  return kinds;
}

const std::string& source_database() {
  static const std::string database = [] {
    auto name = shared_cluster().create_database("marks");
    auto session = shared_cluster().session(name);
    create_tables(session, some_kinds(), k_rows);
    return name;
  }();
  return database;
}

struct Fixture {
  explicit Fixture(const std::string& in_target = "") {
    database = target_cluster().create_database("into");
    auto target = target_cluster().session(database);
    create_target_tables(target, some_kinds(), k_rows);
    target.exec(in_target.empty() ? "SELECT" : in_target);
    job = {.source = shared_cluster().conninfo(source_database()),
           .targets = {target_cluster().conninfo(database)},
           .directory = dir / "job",
           .kinds = some_kinds(),
           .options = {"--chunk-rows", "100", "-j", "3", "--ledger", "no"},
           .run_options = {"--consistency", "fuzzy"}};
  }

  // Killed at a step, and its target crashed and restarted before the resume.
  void kill_both(const std::string& at) const {
    const auto killed = job.run_copy({{"PGSTRIDE_CRASH_AT", at}});
    INFO(killed.text());
    REQUIRE(killed.signal == SIGKILL);
    target_cluster().restart(StopMode::immediate);
  }

  std::string in_target(const std::string& sql) const {
    return target_cluster().exec(sql, database);
  }

  TempDir dir;
  std::string database;
  CopyJob job;
};

bool says(const Ended& ended, const std::string& text) {
  return ended.err.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("Without a ledger: commits that the client never hears of bring each row once") {
  Fixture f;
  const auto real = f.job.targets[0];
  using namespace std::string_literals;
  const auto commit = "Q\0\0\0\x0b"s + "COMMIT";  // alone in its message
  const CuttingProxy proxy(target_cluster().directory() / ".s.PGSQL.5432", commit, 4);
  f.job.targets[0] = "host=" + proxy.host() + real.substr(real.find(' '));
  const auto ended = f.job.run_copy();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(proxy.cuts() >= 10);
  CHECK_FALSE(says(ended, "loaded again whole"));
  f.job.targets[0] = real;
  CHECK(joined(check_copy(f.job)) == "");
}

TEST_CASE("Without a ledger: keepers that are cut off leave no transaction unbooked") {
  Fixture f;
  const auto real = f.job.targets[0];
  const CuttingProxy proxy(target_cluster().directory() / ".s.PGSQL.5432",
                           "synchronous_commit = 'local'", 4);
  f.job.targets[0] = "host=" + proxy.host() + real.substr(real.find(' '));
  const auto ended = f.job.run_copy();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(proxy.cuts() >= 10);
  f.job.targets[0] = real;
  CHECK(joined(check_copy(f.job)) == "");
}

TEST_CASE("Without a ledger: a target that crashed before COMMIT came lacks that chunk alone") {
  Fixture f;
  // One worker: no other commit is under way.
  f.job.options = {"--chunk-rows", "100", "-j", "1", "--ledger", "no"};
  f.kill_both("chunk_before_commit:20");
  const auto ended = f.job.run_resume();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK_FALSE(says(ended, "loaded again whole"));
  CHECK(joined(check_copy(f.job)) == "");
}

TEST_CASE("Without a ledger: what a restarted target can't tell is loaded again whole") {
  Fixture f;
  f.kill_both("chunk_after_commit:20");
  // Killed before the tables are emptied, and after: it begins again with what it can't tell.
  for (const auto* step : {"tables_forgotten:1", "tables_emptied:1", "emptying_marked:1",
                           "tables_started:1", "chunk_after_commit:2"}) {
    const auto killed = f.job.run_resume({}, {{"PGSTRIDE_CRASH_AT", step}});
    INFO(killed.text());
    CHECK(killed.signal == SIGKILL);
    CHECK(says(killed, "loaded again whole into target 1: whether a chunk was committed"));
    if (step == std::string("emptying_marked:1")) {
      target_cluster().restart(StopMode::immediate);
    }
    if (step == std::string("tables_started:1")) {
      // The emptying is known to be committed now, so no chunk is in doubt any more.
      break;
    }
  }
  const auto ended = f.job.run_resume();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK_FALSE(says(ended, "whether a chunk was committed"));
  CHECK(joined(check_copy(f.job)) == "");
}

TEST_CASE("Without a ledger: a target that restarts before a commit is answered is asked within "
          "the run") {
  Fixture f;
  f.job.run_options = {"--consistency", "exact"};  // the snapshot must not be lost by it
  const auto real = f.job.targets[0];
  const auto socket = target_cluster().directory() / ".s.PGSQL.5432";
  using namespace std::string_literals;
  CuttingProxy proxy(socket, "Q\0\0\0\x0b"s + "COMMIT", 1, Cut::answer);
  f.job.targets[0] = "host=" + proxy.host() + real.substr(real.find(' '));
  proxy.set_cutting(false);
  auto command = f.job.copy_command({"--chunk-pause", "20ms"});
  std::replace(command.begin(), command.end(), "50ms"s, "2s"s);
  Process process(command);
  REQUIRE(eventually([&] { return job_has_done(f.job.directory, 10); }));
  proxy.set_cutting(true);
  REQUIRE(eventually([&] { return proxy.cuts() >= 2; }));
  process.kill(SIGSTOP);
  target_cluster().restart(StopMode::immediate);
  proxy.set_cutting(false);
  process.kill(SIGCONT);
  const auto ended = process.wait();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(says(ended, "loaded again whole into target 1: whether a chunk was committed"));
  f.job.targets[0] = real;
  CHECK(joined(check_copy(f.job)) == "");
}

TEST_CASE("Without a ledger: a table that held rows is refused where nobody can tell") {
  Fixture f("INSERT INTO no_key VALUES (1, 'not ours'); INSERT INTO orders SELECT 1, 1, 1, 'not "
            "ours'; INSERT INTO nullable SELECT * FROM nullable");
  f.job.options.insert(f.job.options.end(), {"--mode", "copy"});
  f.kill_both("chunk_after_commit:20");
  const auto before = f.in_target("SELECT count(*) FROM orders");
  for (int i = 0; i < 2; ++i) {
    const auto ended = f.job.run_resume();
    INFO(ended.text());
    CHECK(ended.code == 1);
    CHECK(says(ended, "can't be told: the server was restarted"));
    CHECK(says(ended, "It held rows before the job"));
  }
  CHECK(f.in_target("SELECT to_regnamespace('pgstride')") == "");
}

TEST_CASE("Without a ledger: a commit that outlives its client is waited for") {
  // COMMIT hangs in a deferred trigger until a lock is let go.
  Fixture f(R"sql(
    CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER hang AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION hang())sql");
  auto lock = target_cluster().session(f.database);
  lock.exec("SELECT pg_advisory_lock(42)");
  Process first(f.job.copy_command());
  REQUIRE(eventually([&] {
    return f.in_target("SELECT count(*) > 0 FROM pg_stat_activity "
                       "WHERE wait_event = 'advisory' AND query = 'COMMIT'") == "t";
  }));
  first.kill(SIGKILL);
  first.wait();
  Process second(f.job.resume_command());
  REQUIRE(eventually([&] {
    return second.err_so_far().find("waiting for a commit of an earlier attempt") !=
           std::string::npos;
  }));
  lock.exec("SELECT pg_advisory_unlock(42)");
  const auto ended = second.wait();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(joined(check_copy(f.job)) == "");
}

TEST_CASE(
    "Without a ledger: --restart takes out what was loaded, `clean` gives the job up for good") {
  Fixture f;
  REQUIRE(run(f.job.copy_command({"--max-chunks", "20"})).code == 3);
  SUBCASE("--restart, killed in between") {
    const auto killed = run(f.job.copy_command({"--restart", "--yes"}),
                            {{"PGSTRIDE_CRASH_AT", "loads_taken_back:1"}});
    CHECK(killed.signal == SIGKILL);
    const auto ended = run(f.job.copy_command({"--restart", "--yes"}));
    INFO(ended.text());
    CHECK(ended.code == 0);
    CHECK(joined(check_copy(f.job)) == "");
  }
  // The job is there again then, and knows that nothing of it is, or that nobody can tell.
  for (const std::string step : {"emptying_marked:1", "loads_taken_back:1"}) {
    for (const bool restarted : {false, true}) {
      DOCTEST_SUBCASE(
          ("--restart, killed at " + step + (restarted ? " with its target" : "") + ", and resumed")
              .c_str()) {
        const auto killed =
            run(f.job.copy_command({"--restart", "--yes"}), {{"PGSTRIDE_CRASH_AT", step}});
        REQUIRE(killed.signal == SIGKILL);
        if (restarted) {
          target_cluster().restart(StopMode::immediate);
        }
        const auto ended = f.job.run_resume();
        INFO(ended.text());
        CHECK(ended.code == 0);
        CHECK(joined(check_copy(f.job)) == "");
      }
    }
  }
  SUBCASE("clean") {
    CHECK(run(program({"clean", f.job.directory.string(), "--yes"})).code == 0);
    const auto before = f.in_target("SELECT count(*) FROM orders");
    const auto ended = f.job.run_resume();
    INFO(ended.text());
    CHECK(ended.code == 1);
    CHECK(says(ended, "the job was given up on target 1"));
    CHECK(f.in_target("SELECT count(*) FROM orders") == before);
  }
}

TEST_CASE("Without a ledger: a target that was restored from before it was emptied is not loaded "
          "onto the rows of then") {
  Fixture f("INSERT INTO no_key VALUES (1, 'not ours')");
  f.job.options = {"--chunk-rows", "100",           "-j",  "1", "--ledger", "no",
                   "--truncate",   "--chunk-pause", "50ms"};
  const auto data = target_cluster().directory() / "data";
  const auto backup = target_cluster().directory() / "backup";
  target_cluster().stop();
  std::filesystem::remove_all(backup);
  REQUIRE(run({"cp", "-a", data.string(), backup.string()}).code == 0);
  target_cluster().start();
  const auto restore = [&] {
    target_cluster().stop(StopMode::immediate);
    std::filesystem::remove_all(data);
    REQUIRE(run({"cp", "-a", backup.string(), data.string()}).code == 0);
    target_cluster().start();
  };

  SUBCASE("between two runs") {
    REQUIRE(f.job.run_copy({{"PGSTRIDE_CRASH_AT", "chunk_before_mark:1"}}).signal == SIGKILL);
    restore();
    const auto ended = f.job.run_resume();
    INFO(ended.text());
    CHECK(ended.code == 1);
  }
  SUBCASE("under a run") {
    Process process(f.job.copy_command());
    REQUIRE(eventually([&] { return job_has_done(f.job.directory, 3); }));
    process.kill(SIGSTOP);
    restore();
    process.kill(SIGCONT);
    const auto ended = process.wait();
    INFO(ended.text());
    CHECK(ended.code == 1);
  }
  CHECK(f.in_target("SELECT count(*) FROM no_key") == "1");
  f.in_target("TRUNCATE no_key");
  const auto ended = f.job.run_resume();
  INFO(ended.text());
  CHECK(ended.code == 0);
  CHECK(joined(check_copy(f.job)) == "");
}
