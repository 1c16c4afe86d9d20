#include <doctest/doctest.h>

#include <malloc.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <latch>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "pgstride/copy_manager.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride {

namespace {

constexpr const char* k_text = "";
constexpr const char* k_binary = " WITH (FORMAT binary)";

/// A database with a table `source` and empty ones of its form; counted from 0.
class Tables {
 public:
  explicit Tables(int targets, const std::string& columns = "id int, body text")
      : m_database(test::shared_cluster().create_database("manager")) {
    exec("CREATE TABLE source (" + columns + ")");
    for (int i = 0; i < targets; ++i) {
      exec("CREATE TABLE " + name(i) + " (LIKE source)");
    }
  }

  static std::string name(int number) { return "target" + std::to_string(number); }
  std::string exec(const std::string& sql) const {
    return test::shared_cluster().exec(sql, m_database);
  }
  const std::string& database() const { return m_database; }
  test::PgSession session() const { return test::shared_cluster().session(m_database); }
  std::string content(const std::string& table) const {
    return exec("SELECT count(*), sum(hashtextextended(t::text, 0)) FROM " + table + " t");
  }
  std::string count(int number) const { return exec("SELECT count(*) FROM " + name(number)); }

  StatementProducer source(const std::string& format = k_text) const {
    return {.conninfo = test::shared_cluster().conninfo(m_database),
            .statement = "COPY public.source TO STDOUT" + format};
  }
  StatementReceiver target(int number, const std::string& format = k_text) const {
    return {.conninfo = test::shared_cluster().conninfo(m_database),
            .statement = "COPY public." + name(number) + " FROM STDIN" + format};
  }
  std::vector<Receiver> all(int targets, const std::string& format = k_text) const {
    std::vector<Receiver> receivers;
    for (int i = 0; i < targets; ++i) {
      receivers.emplace_back(target(i, format));
    }
    return receivers;
  }
  /// Ends the session that runs a COPY of a table, and waits until it is gone.
  void kill(const std::string& table) const {
    exec("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
         "WHERE query LIKE 'COPY public." +
         table + " %' AND state = 'active'");
  }

 private:
  std::string m_database;
};

std::vector<Fault> run(CopyManager& manager,
                       const std::function<void(const CopyProgress&)>& each = {}) {
  std::vector<Fault> faults;
  while (const auto moved = manager.next()) {
    faults.insert(faults.end(), moved->faults.begin(), moved->faults.end());
    if (each) {
      each(*moved);
    }
  }
  return faults;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool k_sanitized = true;  // they need memory of their own
#else
constexpr bool k_sanitized = false;
#endif

/// This process' largest resident size since reset_peak() (proc(5): VmHWM, clear_refs 5), in kB.
long peak_kb() {
  const auto status = test::read_text("/proc/self/status");
  return std::atol(status.c_str() + status.find("VmHWM:") + 6);
}

void reset_peak() {
  malloc_trim(0);
  test::write_text("/proc/self/clear_refs", "5");
}

/// Calls a function once, with the first progress.
std::function<void(const CopyProgress&)> once(std::function<void()> what) {
  return [what = std::move(what), done = false](const CopyProgress& /*moved*/) mutable {
    if (!std::exchange(done, true)) {
      what();
    }
  };
}

}  // namespace

TEST_CASE(
    "One read feeds three tables, a file and a function, in text and binary, by any buffers") {
  Tables tables(3);
  tables.exec(
      "INSERT INTO source SELECT g, repeat('x', g % 300) FROM generate_series(1, 20000) g;"
      "INSERT INTO source VALUES (NULL, NULL), (0, repeat('y', 100000)), (1, E'\\n\\t\\\\')");
  const auto expected = tables.content("source");
  for (const std::string format : {k_text, k_binary}) {
    const auto bytes = tables.session().copy_out("COPY source TO STDOUT" + format);
    for (const std::size_t buffer : {11UL, 129UL, CopyManagerOptions().buffer_bytes}) {
      tables.exec("TRUNCATE target0, target1, target2");
      test::TempDir dir;
      std::string taken;
      auto receivers = tables.all(3, format);
      receivers.emplace_back(FileReceiver{.path = dir / "file"});
      receivers.emplace_back(CallReceiver{[&](std::span<const std::string_view> messages) {
        for (const auto message : messages) {
          taken += message;
        }
      }});
      CopyManager manager(tables.source(format), receivers, {.buffer_bytes = buffer});
      CHECK(run(manager).empty());
      for (int i = 0; i < 3; ++i) {
        CHECK(tables.content(Tables::name(i)) == expected);
        CHECK(manager.receiver(static_cast<std::size_t>(i)).rows == 20003);
      }
      CHECK(test::read_text(dir / "file") == bytes);
      CHECK(taken == bytes);
    }
  }
}

TEST_CASE(
    "A file of COPY data goes into tables, binary or text, and rows without columns as well") {
  Tables tables(2, "");
  tables.exec("INSERT INTO source SELECT FROM generate_series(1, 3000)");
  for (const auto& [format, boundaries] : std::vector<std::pair<std::string, CopyBoundaries>>{
           {k_text, CopyBoundaries::text}, {k_binary, CopyBoundaries::binary}}) {
    test::TempDir dir;
    CopyManager out(tables.source(format), {FileReceiver{.path = dir / "file"}});
    out.run();
    CopyManager in(FileProducer{.path = dir / "file", .boundaries = boundaries},
                   tables.all(2, format), {.buffer_bytes = 129});
    in.run();
    CHECK(in.receiver(1).rows == 3000);
    CHECK(in.messages() == 3000 + (boundaries == CopyBoundaries::binary ? 1 : 0));
  }
}

TEST_CASE("Notices and notifications in the middle of the COPY are no faults") {
  Tables tables(2);
  tables.exec("INSERT INTO source SELECT g, repeat('x', 100) FROM generate_series(1, 20000) g;"
              "CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
              "RAISE NOTICE 'row % %', NEW.id, repeat('n', NEW.id % 3000); "
              "PERFORM pg_notify('c', 'x'); RETURN NEW; END $$;"
              "CREATE TRIGGER loud BEFORE INSERT ON target0 FOR EACH ROW EXECUTE FUNCTION loud()");
  auto receivers = tables.all(2, k_binary);
  std::get<StatementReceiver>(receivers[1]).before = "LISTEN c";
  CopyManager manager(tables.source(k_binary), receivers);
  auto notifier = tables.session();
  CHECK(run(manager, [&](const CopyProgress&) {
          notifier.exec("NOTIFY c, 'from another'");
        }).empty());
  CHECK(tables.content("target0") == tables.content("source"));
  CHECK(tables.content("target1") == tables.content("source"));
}

TEST_CASE("A target that is killed is a Fault, the others end, and it is redone alone") {
  Tables tables(3);
  tables.exec("INSERT INTO source SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g");
  CopyManager manager(tables.source(k_binary), tables.all(3, k_binary));
  const auto faults = run(manager, once([&] { tables.kill("target1"); }));
  REQUIRE(faults.size() == 1);
  CHECK(faults[0].receiver == 1);
  CHECK(faults[0].error.sqlstate() == "57P01");
  CHECK(manager.receiver(1).missed_messages == 200001);  // with the trailer
  CHECK(tables.count(1) == "0");
  CHECK(tables.content("target0") == tables.content("source"));
  CHECK(tables.content("target2") == tables.content("source"));

  CHECK(manager.reconcile(1) == Reconciled::at_next_copy);
  manager.start(tables.source(k_binary), {1});
  manager.run();
  CHECK(tables.content("target1") == tables.content("source"));
  CHECK(tables.count(0) == "200000");
}

TEST_CASE("With no target left the copy ends with an error that names each") {
  Tables tables(2);
  tables.exec("INSERT INTO source SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g;"
              "ALTER TABLE target0 ADD CONSTRAINT low CHECK (id <> 1000);"
              "CREATE UNIQUE INDEX twins ON target1 ((id / 2))");
  CopyManager manager(tables.source(), tables.all(2));
  try {
    manager.run();
    FAIL("went on");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(text.find("no receiver is left: receiver 0: new row for relation \"target0\"") == 0);
    CHECK(text.find("receiver 1: duplicate key value") != std::string::npos);
  }
  CHECK(manager.messages() < 200000);
}

TEST_CASE("A producer that is killed or fails leaves no row anywhere, and sessions that work") {
  Tables tables(3);
  tables.exec("INSERT INTO source SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g");
  CopyManager manager(tables.source(), tables.all(3));
  CHECK_THROWS_AS(run(manager, once([&] { tables.kill("source"); })), Error);
  auto failing = tables.source();
  failing.statement = "COPY (SELECT id / (id - 150000), body FROM public.source) TO STDOUT";
  manager.start(failing);
  CHECK_THROWS_WITH(manager.run(), "division by zero");
  for (int i = 0; i < 3; ++i) {
    CHECK(tables.count(i) == "0");
    CHECK(manager.receiver(static_cast<std::size_t>(i)).state == ReceiverState::abandoned);
  }
  const auto sessions = tables.exec("SELECT count(*) FROM pg_stat_activity "
                                    "WHERE application_name = 'pgstride/copy'");
  manager.start(tables.source());
  manager.run();
  CHECK(sessions == "4");
  CHECK(tables.content("target2") == tables.content("source"));
}

TEST_CASE("A receiver that fails before there is data is reconciled within the copy") {
  Tables tables(1);
  tables.exec("INSERT INTO source SELECT g, 'x' FROM generate_series(1, 1000) g");
  CopyManager manager(tables.source(), tables.all(2));
  const auto first = manager.next();
  REQUIRE(first->faults.size() == 1);
  CHECK(first->faults[0].error.sqlstate() == "42P01");
  CHECK_THROWS_AS(manager.reconcile(1), Error);
  tables.exec("CREATE TABLE target1 (LIKE source)");
  CHECK(manager.reconcile(1) == Reconciled::now);
  CHECK(run(manager).empty());
  CHECK(tables.content("target1") == tables.content("source"));
}

TEST_CASE("A target that stalls is a Fault, and goes on within the copy once it is reconciled") {
  Tables tables(2);
  tables.exec("INSERT INTO source SELECT g, repeat('x', 1000) FROM generate_series(1, 20000) g;"
              "CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
              "PERFORM pg_advisory_xact_lock_shared(3); RETURN NEW; END $$;"
              "CREATE TRIGGER waits BEFORE INSERT ON target1 "
              "FOR EACH ROW EXECUTE FUNCTION waits()");
  auto holder = tables.session();
  holder.exec("BEGIN; SELECT pg_advisory_xact_lock(3)");
  CopyManager manager(tables.source(), tables.all(2),
                      {.stall_limit = std::chrono::milliseconds(300)});
  int faults = 0;
  while (const auto moved = manager.next()) {
    for (const auto& fault : moved->faults) {
      CHECK(std::string(fault.error.what()) == "took no data for 0.3 s");
      ++faults;
      holder.exec("ROLLBACK");
      CHECK(manager.reconcile(fault.receiver) == Reconciled::now);
    }
  }
  CHECK(faults == 1);
  CHECK(tables.content("target1") == tables.content("source"));
}

TEST_CASE(
    "A target that comes back too late takes part in the next copy, without the rows between") {
  Tables tables(2);
  tables.exec("INSERT INTO source SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g;"
              "ALTER TABLE target1 ADD CONSTRAINT low CHECK (id <> 1000)");
  CopyManager manager(tables.source(), tables.all(2));
  int faults = 0;
  while (const auto moved = manager.next()) {
    for (const auto& fault : moved->faults) {
      ++faults;
      CHECK(fault.error.sqlstate() == "23514");
      tables.exec("ALTER TABLE target1 DROP CONSTRAINT low");
      CHECK(manager.reconcile(fault.receiver) == Reconciled::at_next_copy);
    }
  }
  CHECK(faults == 1);
  CHECK(manager.receiver(1).missed_messages == 100000);
  CHECK(tables.count(1) == "0");
  auto second = tables.source();
  second.statement = "COPY (SELECT id + 100000, 'second' FROM public.source) TO STDOUT";
  manager.start(second);
  CHECK(run(manager).empty());
  CHECK(tables.count(0) == "200000");
  CHECK(tables.exec("SELECT count(*), min(id) FROM target1") == "100000|100001");
}

TEST_CASE("Statements before and after the COPY share its transaction") {
  Tables tables(1);
  tables.exec(
      "INSERT INTO source VALUES (1, 'a'), (2, 'b'); CREATE TABLE ledger (copy int UNIQUE)");
  auto receiver = tables.target(0);
  receiver.before = "INSERT INTO public.ledger VALUES (1)";
  receiver.after = "INSERT INTO public.target0 VALUES (3, 'after')";
  CopyManager manager(tables.source(), {receiver});
  manager.run();
  CHECK(tables.exec("SELECT count(*) FROM target0") == "3");
  manager.start(tables.source());
  CHECK_THROWS_AS(manager.run(), Error);  // the ledger has it
  CHECK(tables.exec("SELECT count(*) FROM target0") == "3");
}

TEST_CASE("A connection lost during COMMIT leaves its receiver in doubt, and says so") {
  Tables tables(2);
  tables.exec("INSERT INTO source VALUES (1, 'a');"
              "CREATE FUNCTION dies() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
              "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NEW; "
              "END $$;"
              "CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON target0 "
              "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dies()");
  CopyManager manager(tables.source(), tables.all(2));
  const auto faults = run(manager);
  REQUIRE(faults.size() == 1);
  CHECK(manager.receiver(0).in_doubt);
  CHECK(manager.receiver(0).state == ReceiverState::failed);
  CHECK(manager.receiver(1).state == ReceiverState::done);
  CHECK(tables.count(1) == "1");
}

TEST_CASE("A manager that is dropped in the middle leaves no rows and no session") {
  Tables tables(2);
  tables.exec("INSERT INTO source SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g");
  {
    CopyManager manager(tables.source(), tables.all(2));
    CHECK(manager.next()->messages > 0);
    CHECK(manager.next()->messages > 0);
  }
  auto watch = tables.session();
  while (watch.exec("SELECT count(*) FROM pg_stat_activity "
                    "WHERE application_name = 'pgstride/copy'") != "0") {
  }
  CHECK(tables.count(0) == "0");
  CHECK(tables.count(1) == "0");
}

TEST_CASE("The example of the header does what it says") {
  Tables tables(1);
  tables.exec("INSERT INTO source SELECT g, 'x' FROM generate_series(1, 1000) g");
  const auto shop = test::shared_cluster().conninfo(tables.database());
  test::TempDir dir;
  std::ostringstream out;

  CopyManager manager(
      StatementProducer{.conninfo = shop,
                        .statement = "COPY public.source TO STDOUT WITH (FORMAT binary)"},
      {StatementReceiver{.conninfo = shop,
                         .statement = "COPY public.target0 FROM STDIN WITH (FORMAT binary)"},
       FileReceiver{.path = dir / "orders.bin"}});
  while (const auto moved = manager.next()) {
    for (const Fault& fault : moved->faults) {
      out << "receiver " << fault.receiver << ": " << fault.error.full_text() << '\n';
    }
  }
  out << manager.receiver(0).rows << " rows\n";

  CHECK(out.str() == "1000 rows\n");
  CHECK(std::filesystem::exists(dir / "orders.bin"));
}

TEST_CASE("Large rows take the memory of a few of them, however many receivers there are") {
  // 400 MB if PGSTRIDE_TEST_LARGE is set: a minute, and 4 GB for both servers and this.
  const bool large = std::getenv("PGSTRIDE_TEST_LARGE") != nullptr;
  const long row = large ? 400'000'000 : 40'000'000;
  Tables tables(2, "id int, body text");
  tables.exec("ALTER TABLE source ALTER body SET STORAGE EXTERNAL;"
              "ALTER TABLE target0 ALTER body SET STORAGE EXTERNAL;"
              "ALTER TABLE target1 ALTER body SET STORAGE EXTERNAL;"
              "INSERT INTO source SELECT g, repeat(g::text, " +
              std::to_string(row) + ") FROM generate_series(1, 3) g");
  for (const std::string format : {k_text, k_binary}) {
    tables.exec("TRUNCATE target0, target1");
    reset_peak();
    const long before = peak_kb();
    CopyManager manager(tables.source(format), tables.all(2, format));
    CHECK(run(manager).empty());
    const long grown = peak_kb() - before;
    MESSAGE(format << " rows of " << row / 1'000'000 << " MB: " << grown / 1000 << " MB more");
    CHECK((k_sanitized || grown < row / 1000 * 4 + 20'000));
    for (const auto* table : {"target0", "target1"}) {
      CHECK(tables.exec(std::string("SELECT string_agg(id || md5(body), ',' ORDER BY id) FROM ") +
                        table) ==
            tables.exec("SELECT string_agg(id || md5(body), ',' ORDER BY id) FROM source"));
    }
  }
}

TEST_CASE("A function that blocks holds the copy up, and no more than a batch waits for it") {
  Tables tables(1);
  tables.exec("INSERT INTO source SELECT g, repeat('x', 1000) FROM generate_series(1, 50000) g");
  std::latch blocked(1);
  std::latch freed(1);
  bool first = true;
  std::vector<Receiver> receivers = tables.all(1);
  receivers.emplace_back(CallReceiver{[&](std::span<const std::string_view> /*messages*/) {
    if (std::exchange(first, false)) {
      blocked.count_down();
      freed.wait();
    }
  }});
  CopyManager manager(tables.source(), receivers);
  std::thread runner([&] { manager.run(); });
  blocked.wait();
  auto watch = tables.session();
  while (watch.exec("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'") ==
         "0") {
  }
  freed.count_down();
  runner.join();
  CHECK(manager.most_behind() < 1'500'000);
  CHECK(tables.content("target0") == tables.content("source"));
}

}  // namespace pgstride
