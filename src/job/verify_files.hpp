// Chunk files against the manifest: there, of the right size, checksum and number of rows. Its
// threads are its own; call it from one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "archive/manifest.hpp"
#include "pgstride/job.hpp"
#include "pgstride/stop.hpp"

namespace pgstride::job {

/// What a file's rows come to, for the comparison with the source.
struct FileSum {
  std::int64_t rows = 0;
  std::string hash = "0";  ///< format::RowHash, if asked for
};

struct CheckedFiles {
  std::vector<VerifiedTable> tables;  ///< in the manifest's order
  /// Per table of the manifest, by chunk number; damaged files are left out.
  std::vector<std::map<std::int64_t, FileSum>> sums;
};

/// Reads every file once. `progress` is told files done and in all, on the calling thread.
CheckedFiles check_files(const std::filesystem::path& directory, const archive::Manifest& manifest,
                         bool with_hash, const StopTokens& stop,
                         const std::function<void(std::size_t, std::size_t)>& progress);

}  // namespace pgstride::job
