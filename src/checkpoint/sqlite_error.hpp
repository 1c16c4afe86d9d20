// What SQLite's result codes mean to a caller. Any thread.
#pragma once

#include <filesystem>
#include <string>

#include "pgstride/error.hpp"

namespace pgstride::checkpoint {

/// An Error for an (extended) result code: io where the disk is full or failing, internal where a
/// constraint caught a mistake of ours, otherwise checkpoint. `detail` is SQLite's own message.
Error sqlite_error(int code, int system_errno, const std::filesystem::path& path,
                   const std::string& detail);

}  // namespace pgstride::checkpoint
