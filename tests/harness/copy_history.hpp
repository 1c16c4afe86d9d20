// The oracle of history.hpp for what a copy brought into a database while the source was written
// to: each range of keys is compared with what its chunk's snapshot saw, a table of one snapshot as
// a whole. One thread.
#pragma once

#include <string>
#include <vector>

#include "harness/copy_job.hpp"
#include "harness/history.hpp"

namespace pgstride::test {

Problems check_copy_with_history(const CopyJob& job);

}  // namespace pgstride::test
