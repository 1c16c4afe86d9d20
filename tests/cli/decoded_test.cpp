// Files of an export with a slot, loaded, then the changes from the slot's start applied by a
// decoder that is not ours: test_decoding, read from a copy of the slot.
#include <doctest/doctest.h>

#include <atomic>
#include <regex>
#include <thread>

#include "cli/slot_move.hpp"

using namespace pgstride::test;

namespace {

/// Sessions that insert, update, move and delete rows of `items` until they end.
class ItemWriters {
 public:
  explicit ItemWriters(const std::string& conninfo) {
    for (int seed = 1; seed <= 2; ++seed) {
      m_threads.emplace_back([this, conninfo, seed](const std::stop_token& stop) {
        PgSession session(conninfo);
        session.exec("SET synchronous_commit = off; SELECT setseed(0." + std::to_string(seed) +
                     ")");
        while (!stop.stop_requested()) {
          for (const auto* sql :
               {"INSERT INTO items SELECT 5000 + random() * 1000000, md5(random()::text)",
                "UPDATE items SET note = md5(random()::text) WHERE id = (random() * 1000)::int",
                "UPDATE items SET id = -id WHERE id = (random() * 1000)::int",
                "DELETE FROM items WHERE id = (random() * 1000)::int"}) {
            m_writes += session.sqlstate_of(sql).empty() ? 1 : 0;
          }
        }
      });
    }
  }
  void wait_for(long more) const {
    const long until = m_writes + more;
    while (m_writes < until) {
      std::this_thread::yield();
    }
  }

 private:
  std::atomic<long> m_writes{0};
  std::vector<std::jthread> m_threads;
};

/// Applies one line of test_decoding, e.g. `table public.items: UPDATE: old-key: id[bigint]:1
/// new-tuple: id[bigint]:-1 note[text]:'…'`.
void apply_change(PgSession& target, const std::string& line) {
  static const std::regex k_change(
      R"(table public\.items: (INSERT|UPDATE|DELETE): (?:old-key: id\[bigint\]:(-?\d+) new-tuple: )?)"
      R"(id\[bigint\]:(-?\d+)(?: note\[text\]:('[0-9a-f]*'))?)");
  std::smatch found;
  if (!std::regex_search(line, found, k_change)) {
    return;  // BEGIN, COMMIT, another table
  }
  const std::string id = found[3];
  const auto gone = found[1] == "INSERT" ? "" : found[2].matched ? found[2].str() : id;
  if (!gone.empty()) {
    target.exec("DELETE FROM items WHERE id = " + gone);
  }
  if (found[1] != "DELETE") {
    // No ON CONFLICT: a change that the rows hold already is an error.
    target.exec("INSERT INTO items VALUES (" + id + ", " + found[4].str() + ")");
  }
}

void check_equal(const SlotMove& move) {
  const std::string sql = "SELECT count(*), md5(string_agg(id || ':' || note, ',' ORDER BY id)) "
                          "FROM items";
  CHECK(move.on_target(sql) == move.on_source(sql));
}

}  // namespace

TEST_CASE("Files and the changes after them, decoded by test_decoding, are what the source has") {
  const SlotMove move;
  const auto directory = (move.dir / "files").string();
  {
    const ItemWriters writers(move.job.source);
    writers.wait_for(200);
    const auto exported =
        run(program({"export", "--source", move.job.source, "--out", directory, "--slot", move.slot,
                     "--publication", "consumer", "--chunk-rows", "100", "--chunk-pause", "20ms",
                     "-t", "items", "--progress", "none"}));
    INFO(exported.text());
    REQUIRE(exported.code == 0);
    writers.wait_for(400);
  }
  REQUIRE(run(program({"import", "--from", directory, "--target", move.job.targets[0], "--job",
                       (move.dir / "load").string(), "--progress", "none"}))
              .code == 0);
  PgSession source(move.job.source);
  PgSession target(move.job.targets[0]);
  source.exec("SELECT pg_logical_emit_message(true, 'flush', '')");
  source.exec("SELECT pg_copy_logical_replication_slot('" + move.slot +
              "', 'decoded', true, 'test_decoding')");
  long changes = 0;
  for (const auto& row : source.rows("SELECT data FROM pg_logical_slot_get_changes('decoded', "
                                     "NULL, NULL)")) {
    apply_change(target, row[0].value_or(""));
    ++changes;
  }
  CHECK(changes > 800);
  check_equal(move);
  source.exec("SELECT pg_drop_replication_slot('decoded')");
  CHECK(run(program({"clean", directory})).code == 0);
}
