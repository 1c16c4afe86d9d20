// Files of finished chunks that somebody deleted or cut short since: what a job that is gone on
// with must make again. Uses the job's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "job/job.hpp"

namespace pgstride::job {

struct LostFiles {
  struct File {
    std::int64_t chunk_id = 0;
    std::int64_t table_id = 0;
    std::string file;    ///< relative to the job's directory
    std::string reason;  ///< what is wrong with it, as the chunk's redo reason
  };
  std::vector<File> chunks;
  /// Of a job that is done: manifest.json or an empty table's file, which need no server.
  std::string of_the_end;
};

/// Looks at the presence and size of all recorded files; reads none of them.
LostFiles find_lost_files(Job& job);

/// Plans the chunks of lost files again, with a warning; a manifest goes before, so that none is
/// ever left over files that are not there. Of a job that is done the source is looked at first:
/// unless it is the job's own and can be reached, nothing is changed. Throws Error: snapshot where
/// `--consistency exact` can't be kept any more, connection, identity.
void redo_lost_files(Job& job, const LostFiles& lost);

}  // namespace pgstride::job
