// A million chunks: time and memory. The bounds on time are several times what a slow machine
// needs, so that they catch a wrong complexity and nothing else.
#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <string>

#include "samples.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::checkpoint {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::int64_t k_chunks = 150'000;  // what is measured here is not the sanitizer
#else
constexpr std::int64_t k_chunks = 1'000'000;
#endif

class Watch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - m_start).count();
  }

 private:
  std::chrono::steady_clock::time_point m_start = std::chrono::steady_clock::now();
};

/// A line of /proc/self/status in kB, e.g. `VmRSS:`.
std::int64_t memory_kb(const std::string& what) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word == what) {
      std::int64_t kb = 0;
      status >> kb;
      return kb;
    }
  }
  return 0;
}

void claim_and_finish_many(CheckpointStore& store, std::int64_t count) {
  constexpr std::int64_t k_batch = 100;
  for (std::int64_t i = 0; i < count; i += k_batch) {
    const auto batch = store.batch();
    for (std::int64_t j = 0; j < k_batch; ++j) {
      claim_and_finish(store, Outcome::done);
    }
    batch->commit();
  }
}

}  // namespace

TEST_CASE("a million chunks are planned, found again and claimed in seconds") {
  const test::TempDir dir;
  std::int64_t table = 0;
  {
    const auto store = open_store(dir.path());
    table = store->add_table(sample_table("t"));
    const Watch watch;
    add_many(*store, table, k_chunks);
    MESSAGE("planned in ", watch.seconds(), " s");
    CHECK(watch.seconds() < 60);
  }
  {
    const Watch watch;
    const auto store = open_store(dir.path());
    REQUIRE(store->claim(1, 1));
    MESSAGE("opened and claimed in ", watch.seconds(), " s");
    CHECK(watch.seconds() < 1);
    CHECK(store->release_running("died") == 1);
  }
  const auto store = open_store(dir.path());
  {
    const Watch watch;
    claim_and_finish_many(*store, 100'000);
    MESSAGE("100,000 claimed and finished in ", watch.seconds(), " s");
    CHECK(watch.seconds() < 60);
  }
  {
    const Watch watch;
    const TableTotals totals = totals_of(*store, table);
    MESSAGE("totals in ", watch.seconds(), " s");
    CHECK(watch.seconds() < 0.5);
    CHECK(totals.chunks == k_chunks);
    CHECK(totals.done == 100'000);
  }
  {
    const Watch watch;
    CHECK(text_of(totals_of(*store, table)) == text_of(added_up(*store, table)));
    MESSAGE("a million deliveries visited in ", watch.seconds(), " s");
  }
  {
    const Watch watch;
    CHECK(store->redo_table(table, 0, "redo") == 100'000);
    MESSAGE("a million deliveries redone in ", watch.seconds(), " s");
  }
  {
    const Watch watch;
    store->drop_chunks(table);
    MESSAGE("a million chunks dropped in ", watch.seconds(), " s");
  }
}

TEST_CASE("writes a million chunks in one batch (started by the next case)" * doctest::skip()) {
  const std::int64_t before = memory_kb("VmHWM:");
  const auto store = open_store(given_directory());
  const std::int64_t table = store->add_table(sample_table("t"));
  {
    const auto batch = store->batch();
    for (std::int64_t first = 0; first < k_chunks; first += 1000) {
      store->add_chunks(0, sample_chunks(table, first, 1000));
    }
    batch->commit();
  }
  claim_and_finish_many(*store, 1000);
  store->each_delivery(0, {}, [](const Delivery&) {});
  store->redo_table(table, 0, "redo");
  store->drop_chunks(table);
  CHECK(deliveries(*store).empty());
  const std::int64_t grown = memory_kb("VmHWM:") - before;
  MESSAGE("memory grew by ", grown, " kB");
#ifndef __SANITIZE_ADDRESS__  // its shadow and quarantine are no memory of ours
  CHECK(grown < 50 * 1024);
#endif
}

TEST_CASE("a million chunks in one batch, visited, redone and dropped, take less than 50 MB") {
  const test::TempDir dir;
  // In a process of its own, so that the high-water mark is of this work alone.
  CHECK(status_of_case("writes a million chunks*", dir.path()) == 0);
}

}  // namespace pgstride::checkpoint
