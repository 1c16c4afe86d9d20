// How far a job is and how long it will take: from bytes of table, so that it settles. Belongs to
// the job's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "pgstride/chunk.hpp"
#include "pgstride/events.hpp"

namespace pgstride::job {

/// A chunk under way, as far as its worker tells.
struct PartialChunk {
  std::int64_t estimated_bytes = 0;
  std::int64_t rows = 0;
  std::int64_t raw_bytes = 0;
  std::int64_t bytes = 0;
};

class ProgressMeter {
 public:
  using Clock = std::chrono::steady_clock;

  /// What former runs did and what the whole is.
  struct Start {
    Progress done;  ///< counts as of the start
    std::int64_t estimated_bytes = 0;
    std::int64_t done_estimated_bytes = 0;
  };
  explicit ProgressMeter(const Start& start, Clock::time_point now = Clock::now());

  void chunk_done(const Chunk& chunk, const ChunkResult& result);
  void table_done() { ++m_sum.tables_done; }
  /// The present state, with the chunks under way counted by how much of them is read.
  Progress now(const std::vector<PartialChunk>& under_way, Clock::time_point now = Clock::now());

 private:
  void smooth(const Progress& progress, double fraction, Clock::time_point now);

  Progress m_sum;
  std::int64_t m_estimated_bytes;
  std::int64_t m_done_estimated;
  double m_run_estimated = 0;  ///< of this run's finished chunks, and what they came to
  double m_run_raw = 0;
  Clock::time_point m_began;
  Clock::time_point m_last;
  double m_first_fraction = -1;
  double m_last_fraction = 0;
  Progress m_previous;
  double m_fraction_per_s = 0;  ///< smoothed, as the rates in m_sum are
};

}  // namespace pgstride::job
