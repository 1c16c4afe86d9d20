// What a target's book says against what the checkpoint says. Uses the job's thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "job/job.hpp"

namespace pgstride::job {

/// Of one target.
class BookSettlement {
 public:
  /// Reads the book, and into `target.full` which tables held rows before the job.
  BookSettlement(Job& job, pg::Connection& connection, JobTarget& target);

  /// The book decides; but what it holds of a table that is to be loaded again whole does not
  /// count: it goes with the rows, before the first of them comes again. Returns how many chunks
  /// were taken for done that are not in.
  int settle();

 private:
  [[nodiscard]] const target::BookedChunk* find(std::int64_t chunk_id) const;
  void store(const std::vector<std::pair<ChunkResult, std::string>>& changes);

  Job& m_job;
  const JobTarget& m_target;
  std::map<std::string, std::int64_t> m_generations;
  std::vector<target::BookedChunk> m_chunks;
};

}  // namespace pgstride::job
