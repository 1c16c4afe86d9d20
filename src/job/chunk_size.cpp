#include "job/chunk_size.hpp"

#include <algorithm>
#include <cstdint>

namespace pgstride::job {

namespace {

// A chunk costs 0.7–1.4 ms of its own (speed.md, Access path): not felt from a few megabytes on.
constexpr std::int64_t k_smallest = 4LL << 20;
// So many for each worker: what the last one to end can be late by is an eighth of its share.
constexpr std::int64_t k_chunks_per_worker = 8;

}  // namespace

ChunkOptions share_out(const ChunkOptions& chunk, const std::vector<Table>& tables, int workers) {
  auto out = chunk;
  if (!chunk.share_out || chunk.chunk_rows || chunk.chunk_bytes <= k_smallest) {
    return out;
  }
  std::int64_t total = 0;
  for (const auto& table : tables) {
    total += table.estimated_bytes;
  }
  out.chunk_bytes =
      std::clamp(total / (workers * k_chunks_per_worker), k_smallest, chunk.chunk_bytes);
  return out;
}

}  // namespace pgstride::job
