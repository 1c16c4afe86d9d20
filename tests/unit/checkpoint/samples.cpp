#include "samples.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace pgstride::checkpoint {

Table sample_table(const std::string& name) {
  Table table;
  table.schema = "public";
  table.name = name;
  table.leaf_schema = "public";
  table.leaf_name = name;
  return table;
}

std::vector<Chunk> sample_chunks(std::int64_t table_id, std::int64_t first, std::int64_t count) {
  std::vector<Chunk> chunks;
  for (std::int64_t number = first; number < first + count; ++number) {
    Chunk chunk;
    chunk.table_id = table_id;
    chunk.number = number;
    chunk.kind = ChunkKind::range;
    if (number > 0) {
      chunk.lower = KeyValue{std::to_string(number * 1000)};
    }
    chunk.upper = KeyValue{std::to_string((number + 1) * 1000)};
    chunk.estimated_rows = 7;
    chunk.estimated_bytes = 70 + number % 3;
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

void add_many(CheckpointStore& store, std::int64_t table_id, std::int64_t count) {
  constexpr std::int64_t k_batch = 10'000;
  for (std::int64_t first = 0; first < count; first += k_batch) {
    const auto batch = store.batch();
    store.add_chunks(0, sample_chunks(table_id, first, std::min(k_batch, count - first)));
    batch->commit();
  }
}

ChunkResult sample_result(const Chunk& chunk, Outcome outcome) {
  ChunkResult result;
  result.chunk_id = chunk.id;
  result.table_id = chunk.table_id;
  result.outcome = outcome;
  result.attempts = 1;
  result.worker = 3;
  result.started_us = 1'700'000'000'000'000;
  result.finished_us = 1'700'000'000'500'000;
  if (outcome == Outcome::done) {
    result.rows = 10;
    result.bytes = 100;
    result.raw_bytes = 1000;
    result.file = fmt::format("public.t/public.t.{:06}.csv.zst", chunk.number);
    result.xxh3 = "0123456789abcdef";
    result.valid_lsn = Lsn{0x16B374D848};
    result.snapshot = "735:735:";
  } else {
    result.error = "it didn't work";
  }
  return result;
}

Chunk claim_and_finish(CheckpointStore& store, Outcome outcome) {
  const std::optional<Claim> claim = store.claim(1, 5);
  REQUIRE(claim);
  store.finish(sample_result(claim->chunk, outcome));
  return claim->chunk;
}

std::vector<Delivery> deliveries(CheckpointStore& store, std::int64_t table_id,
                                 const std::string& state) {
  std::vector<Delivery> all;
  store.each_delivery(table_id, state, [&](const Delivery& delivery) { all.push_back(delivery); });
  return all;
}

TableTotals totals_of(CheckpointStore& store, std::int64_t table_id) {
  for (const TableTotals& totals : store.totals()) {
    if (totals.table_id == table_id) {
      return totals;
    }
  }
  FAIL("no totals for table ", table_id);
  return {};
}

TableTotals added_up(CheckpointStore& store, std::int64_t table_id) {
  TableTotals sums;
  sums.table_id = table_id;
  store.each_delivery(table_id, {}, [&](const Delivery& delivery) {
    const bool open = delivery.state == "planned" || delivery.state == "running";
    const bool done = delivery.state == "done";
    ++sums.chunks;
    sums.done += done ? 1 : 0;
    sums.running += delivery.state == "running" ? 1 : 0;
    sums.failed += delivery.state == "failed" ? 1 : 0;
    sums.redo += open && !delivery.redo_reason.empty() ? 1 : 0;
    sums.rows += done ? delivery.result.rows : 0;
    sums.bytes += done ? delivery.result.bytes : 0;
    sums.raw_bytes += done ? delivery.result.raw_bytes : 0;
    sums.files += done && !delivery.result.file.empty() ? 1 : 0;
    sums.done_estimated_bytes += done ? delivery.chunk.estimated_bytes : 0;
    sums.estimated_rows += delivery.chunk.estimated_rows;
    sums.estimated_bytes += delivery.chunk.estimated_bytes;
  });
  return sums;
}

std::string text_of(const TableTotals& totals) {
  return fmt::format("table {}: {} chunks, {} done, {} running, {} failed, {} redo, {} rows, "
                     "{} bytes, {} raw, {} files, estimated: {} rows, {} bytes, {} of them done",
                     totals.table_id, totals.chunks, totals.done, totals.running, totals.failed,
                     totals.redo, totals.rows, totals.bytes, totals.raw_bytes, totals.files,
                     totals.estimated_rows, totals.estimated_bytes, totals.done_estimated_bytes);
}

int status_of_child(const std::function<void()>& work) {
  const pid_t pid = fork();
  if (pid == 0) {
    int code = 0;
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
      code = 99;
    }
    // Not exit(): the parent's destructors and its temporary folder are not the child's.
    _exit(code);
  }
  REQUIRE(pid > 0);
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  return status;
}

int status_of_case(const std::string& test_case, const std::filesystem::path& directory,
                   const std::string& crash_at) {
  return status_of_child([&] {
    setenv("PGSTRIDE_TEST_STORE", directory.c_str(), 1);
    setenv("PGSTRIDE_CRASH_AT", crash_at.c_str(), 1);
    const std::string filter = "--test-case=" + test_case;
    execl("/proc/self/exe", "unit_checkpoint", "--no-skip", filter.c_str(), nullptr);
    throw std::runtime_error("can't start this program again");
  });
}

std::filesystem::path given_directory() {
  const char* directory = std::getenv("PGSTRIDE_TEST_STORE");
  REQUIRE(directory != nullptr);
  return directory;
}

}  // namespace pgstride::checkpoint
