// Asks before a job is discarded. One thread.
#pragma once

#include <filesystem>

#include "screen.hpp"

namespace pgstride::cli {

/// Throws Error (usage) unless it is sure that the job may be discarded.
void confirm_restart(const std::filesystem::path& directory, Screen& screen);

}  // namespace pgstride::cli
