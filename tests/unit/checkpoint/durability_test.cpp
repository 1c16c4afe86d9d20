// Batches are whole or absent: after an error, kill -9, a full disk, and in the eyes of a reader.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>

#include "checkpoint/sqlite_db.hpp"
#include "samples.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::checkpoint {

namespace {

constexpr std::int64_t k_batch = 10;

/// One batch: ten chunks more, one done, and an event, so that half a batch would show.
void write_batch(CheckpointStore& store, std::int64_t table) {
  const auto batch = store.batch();
  const std::int64_t next = store.next_number("public", "t");
  store.add_chunks(0, sample_chunks(table, next, k_batch));
  claim_and_finish(store, Outcome::done);
  store.add_event({.time_us = next, .kind = "batch", .message = std::to_string(next / k_batch)});
  batch->commit();
}

/// Checks that a store holds whole batches only, and gives how many.
std::int64_t whole_batches(CheckpointStore& store, std::int64_t table) {
  const auto moment = store.batch();
  const TableTotals totals = totals_of(store, table);
  const auto batches = static_cast<std::int64_t>(store.events().size());
  CHECK(totals.chunks == batches * k_batch);
  CHECK(totals.done == batches);
  CHECK(text_of(totals) == text_of(added_up(store, table)));
  return batches;
}

std::string integrity(const std::filesystem::path& directory) {
  Database db(directory / "checkpoint.db", OpenMode::read);
  std::string answer;
  Query query = db.query("PRAGMA integrity_check");
  REQUIRE(query.next());
  query.read(answer);
  return answer;
}

/// A child that writes batch after batch and puts a byte into a pipe after each.
class Writer {
 public:
  Writer(const std::filesystem::path& directory, std::int64_t table) {
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    m_pid = fork();
    if (m_pid == 0) {
      try {
        const auto store = open_store(directory);
        while (true) {
          write_batch(*store, table);
          if (write(ends[1], "b", 1) != 1) {
            _exit(1);
          }
        }
      } catch (const std::exception&) {
        _exit(99);
      }
    }
    ::close(ends[1]);
    m_read_end = ends[0];
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { kill(); }

  /// Waits for `count` reports more, and gives how many there were in all.
  std::int64_t await_batches(int count) {
    char byte = 0;
    for (int i = 0; i < count; ++i) {
      REQUIRE(::read(m_read_end, &byte, 1) == 1);
      ++m_reported;
    }
    return m_reported;
  }
  /// Kills it and gives how many batches it has reported in all.
  std::int64_t kill() {
    if (m_pid > 0) {
      ::kill(m_pid, SIGKILL);
      int status = 0;
      waitpid(m_pid, &status, 0);
      m_pid = -1;
      char byte = 0;
      while (::read(m_read_end, &byte, 1) == 1) {
        ++m_reported;
      }
      ::close(m_read_end);
    }
    return m_reported;
  }

 private:
  pid_t m_pid = -1;
  int m_read_end = -1;
  std::int64_t m_reported = 0;
};

std::int64_t make_store(const std::filesystem::path& directory) {
  return open_store(directory)->add_table(sample_table("t"));
}

ErrorKind kind_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    CHECK_FALSE(error.hint().empty());
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::internal;
}

}  // namespace

TEST_CASE("a batch is kept by commit and abandoned by its destructor") {
  const test::TempDir dir;
  const std::int64_t table = make_store(dir.path());
  const auto store = open_store(dir.path());
  {
    const auto batch = store->batch();
    store->add_chunks(0, sample_chunks(table, 0, 5));
    CHECK(totals_of(*store, table).chunks == 5);
  }
  CHECK(totals_of(*store, table).chunks == 0);
  CHECK(store->next_number("public", "t") == 0);
  write_batch(*store, table);
  CHECK(whole_batches(*open_store_read_only(dir.path()), table) == 1);
}

TEST_CASE("batches can't be nested") {
  const test::TempDir dir;
  const auto store = open_store(dir.path());
  const auto batch = store->batch();
  CHECK_THROWS_AS(store->batch(), Error);
  store->add_event({});
  batch->commit();
  CHECK(store->events().size() == 1);
}

TEST_CASE("after an error in a batch nothing of it can be committed, and the next one works") {
  const test::TempDir dir;
  const std::int64_t table = make_store(dir.path());
  const auto store = open_store(dir.path());
  {
    const auto batch = store->batch();
    store->add_chunks(0, sample_chunks(table, 0, 5));
    CHECK_THROWS_AS(store->add_chunks(0, sample_chunks(table, 4, 2)), Error);
    CHECK_THROWS_AS(store->add_event({}), Error);
    CHECK_THROWS_AS(batch->commit(), Error);
  }
  CHECK(deliveries(*store).empty());
  write_batch(*store, table);
  CHECK(whole_batches(*store, table) == 1);
}

TEST_CASE("a call outside a batch is one step of its own: chunks are added all or none") {
  const test::TempDir dir;
  const std::int64_t table = make_store(dir.path());
  const auto store = open_store(dir.path());
  std::vector<Chunk> chunks = sample_chunks(table, 0, 5);
  chunks[4].number = 0;
  CHECK_THROWS_AS(store->add_chunks(0, chunks), Error);
  CHECK(deliveries(*store).empty());
  CHECK(totals_of(*store, table).chunks == 0);
}

TEST_CASE("killed in the middle of batches, a store holds all that were reported, whole") {
  const test::TempDir dir;
  const std::int64_t table = make_store(dir.path());
  std::mt19937 random(42);
  std::int64_t batches = 0;
  for (int round = 0; round < 30; ++round) {
    Writer writer(dir.path(), table);
    writer.await_batches(1 + static_cast<int>(random() % 40));
    const std::int64_t reported = writer.kill();
    const std::int64_t found = whole_batches(*open_store_read_only(dir.path()), table);
    // One may be committed and not reported yet.
    CHECK(found >= batches + reported);
    CHECK(found <= batches + reported + 1);
    batches = found;
  }
  CHECK(integrity(dir.path()) == "ok");
}

TEST_CASE("a reader beside a writing process sees whole batches, and one moment within its own") {
  const test::TempDir dir;
  const std::int64_t table = make_store(dir.path());
  Writer writer(dir.path(), table);
  const auto kept_open = open_store_read_only(dir.path());
  for (int time = 0; time < 20; ++time) {
    const std::int64_t reported = writer.await_batches(5);
    const std::int64_t seen = whole_batches(*open_store_read_only(dir.path()), table);
    CHECK(seen >= reported);
    CHECK(whole_batches(*kept_open, table) >= seen);
  }
  const auto moment = kept_open->batch();
  const std::string first = text_of(totals_of(*kept_open, table));
  writer.await_batches(20);
  CHECK(text_of(totals_of(*kept_open, table)) == first);
}

TEST_CASE("on a full disk a batch fails as io, and the store goes on once there is space") {
  const auto disk = test::SmallFileSystem::mount(6 << 20);
  if (!disk) {
    MESSAGE("skipped: no tmpfs can be mounted here");
    return;
  }
  const std::int64_t table = make_store(disk->path());
  const auto store = open_store(disk->path());
  std::int64_t batches = 0;
  const auto fill = [&] {
    while (batches < 100'000) {
      write_batch(*store, table);
      ++batches;
    }
  };
  CHECK(kind_of(fill) == ErrorKind::io);
  CHECK(kind_of(fill) == ErrorKind::io);
  CHECK(kind_of([&] { store->add_chunks(0, sample_chunks(table, 1'000'000, 50'000)); }) ==
        ErrorKind::io);
  CHECK(whole_batches(*store, table) == batches);
  CHECK(whole_batches(*open_store_read_only(disk->path()), table) == batches);

  disk->resize(64 << 20);
  for (int time = 0; time < 100; ++time) {
    write_batch(*store, table);
  }
  CHECK(whole_batches(*store, table) == batches + 100);
  CHECK(integrity(disk->path()) == "ok");
}

TEST_CASE("a disk too full to begin with is an io error, and the same call works with space") {
  const auto disk = test::SmallFileSystem::mount(64 << 10);
  if (!disk) {
    MESSAGE("skipped: no tmpfs can be mounted here");
    return;
  }
  {
    std::ofstream balloon(disk->path() / "balloon");
    balloon << std::string(1 << 20, 'x');
  }
  CHECK(kind_of([&] { open_store(disk->path()); }) == ErrorKind::io);
  disk->resize(8 << 20);
  const std::int64_t table = make_store(disk->path());
  const auto store = open_store(disk->path());
  write_batch(*store, table);
  CHECK(whole_batches(*store, table) == 1);
}

#ifdef PGSTRIDE_CRASH_POINTS

TEST_CASE("writes three batches (started by the next case)" * doctest::skip()) {
  const auto store = open_store(given_directory());
  for (int time = 0; time < 3; ++time) {
    write_batch(*store, 1);
  }
}

TEST_CASE("killed at a named step, the batch before the commit is absent, after it there") {
  const std::array<std::pair<const char*, std::int64_t>, 2> steps{
      {{"checkpoint_before_commit:2", 1}, {"checkpoint_after_commit:2", 2}}};
  for (const auto& [step, expected] : steps) {
    const test::TempDir dir;
    const std::int64_t table = make_store(dir.path());
    // A new program: the steps passed so far are counted in this one.
    const int status = status_of_case("writes three batches*", dir.path(), step);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGKILL);
    CHECK(whole_batches(*open_store_read_only(dir.path()), table) == expected);
  }
}

#endif

}  // namespace pgstride::checkpoint
