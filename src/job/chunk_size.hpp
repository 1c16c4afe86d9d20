// How large chunks are where the user left it to us. Pure functions.
#pragma once

#include <vector>

#include "pgstride/options.hpp"
#include "pgstride/table.hpp"

namespace pgstride::job {

/// The options with a chunk size that gives every worker several chunks of the whole job, between 4
/// MB and the default; unchanged if the user chose a size.
ChunkOptions share_out(const ChunkOptions& chunk, const std::vector<Table>& tables, int workers);

}  // namespace pgstride::job
