// What the checkpoint tests fill a store with. Values; no thread rule.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint_store.hpp"
#include "pgstride/error.hpp"

namespace pgstride::checkpoint {

Table sample_table(const std::string& name);

/// Range chunks `first` … `first + count - 1` with integer bounds; the outer ones are open if the
/// numbers begin at 0 and `last` says so.
std::vector<Chunk> sample_chunks(std::int64_t table_id, std::int64_t first, std::int64_t count);

/// Writes `count` chunks in batches of 10,000, as a plan does.
void add_many(CheckpointStore& store, std::int64_t table_id, std::int64_t count);

/// A result of a claimed chunk. `done` has a file with 10 rows, 100 bytes, 1000 raw bytes.
ChunkResult sample_result(const Chunk& chunk, Outcome outcome);

/// Claims the next chunk, which must be there, and finishes it.
Chunk claim_and_finish(CheckpointStore& store, Outcome outcome);

std::vector<Delivery> deliveries(CheckpointStore& store, std::int64_t table_id = 0,
                                 const std::string& state = {});
TableTotals totals_of(CheckpointStore& store, std::int64_t table_id);
/// The same sums, added up from the deliveries one by one.
TableTotals added_up(CheckpointStore& store, std::int64_t table_id);
/// All fields of sums as one text, so that a failed comparison shows them.
std::string text_of(const TableTotals& totals);

/// Runs `work` in a forked child and gives its wait status. An exception ends it with code 99.
int status_of_child(const std::function<void()>& work);

/// Runs one skipped test case of this program in a process of its own, given a store's directory
/// and, perhaps, the step to be killed at. Gives its wait status.
int status_of_case(const std::string& test_case, const std::filesystem::path& directory,
                   const std::string& crash_at = {});
/// The directory given to a case started so.
std::filesystem::path given_directory();

}  // namespace pgstride::checkpoint
