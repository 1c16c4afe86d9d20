// Files for the tests to import: an export of the source's tables, or one large csv file that is
// cut into pieces. One thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/copy_job.hpp"
#include "harness/table_kinds.hpp"

namespace pgstride::test {

/// Rows with quotes and line ends in their values, about 700 bytes each, and no two alike.
const TableKind& wide_rows();

/// Makes the job one that imports an export of its source's tables, in `directory`. Throws
/// std::runtime_error unless that is done.
void import_from_export(CopyJob& job, const std::filesystem::path& directory,
                        const std::vector<std::string>& options);
/// The same from one plain csv file with a header, and without a manifest; the job has one table.
void import_from_file(CopyJob& job, const std::filesystem::path& directory);

}  // namespace pgstride::test
