// How a csv or text file begins: what its header says, and where its rows are. Functions; the job's
// thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "format/row_cutter.hpp"
#include "pgstride/job.hpp"

namespace pgstride::job {

struct FileBeginning {
  format::RowCut rows;              ///< where the first begins
  std::vector<std::string> header;  ///< of an empty file none
};

/// Of a file, or of standard input (archive::k_standard_input), of which a header is then consumed.
/// Throws Error: io; usage for a header that can't be read; stopped.
FileBeginning read_beginning(const std::filesystem::path& path, CompressionMethod compression,
                             const format::RowDialect& dialect, bool has_header,
                             const StopTokens& stop);

}  // namespace pgstride::job
