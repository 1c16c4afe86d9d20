// Last step of a job: files of empty tables, the sweep of what belongs to no chunk, the manifest,
// then the state `done` (design.md, invariant 1). Every part can be done again. Uses the job's
// thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "archive/manifest.hpp"
#include "job/job.hpp"

namespace pgstride::job {

void end_job(Job& job);

/// A parent table with its leaves, in the manifest's order.
struct ParentTable {
  archive::ManifestTable table;
  std::vector<checkpoint::TableRecord> leaves;
  std::int64_t chunks = 0;
  std::int64_t files = 0;
  std::int64_t raw_bytes = 0;
};

/// The file that an empty table makes, relative to the job's directory, and its size in bytes.
std::string empty_file_path(const Job& job, const ParentTable& parent);
std::int64_t empty_file_size(const Job& job, const ParentTable& parent);

/// The job's tables by parent, with sums; removed leaves are left out.
std::vector<ParentTable> parent_tables(checkpoint::CheckpointStore& store);

/// Whether a parent's changes are all in the publications: sets both only for a job with a slot.
void tell_published(const ParentTable& parent,
                    const std::map<std::int64_t, checkpoint::PublishedTable>& published,
                    std::optional<bool>& all, std::string& why_not);

}  // namespace pgstride::job
