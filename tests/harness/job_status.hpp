// What `pgstride status` says of a job's directory, whatever verb made it. No thread rule.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

namespace pgstride::test {

using Json = nlohmann::json;

/// `status DIR --json`; throws if that fails.
Json job_status(const std::filesystem::path& directory, bool with_chunks = false);
/// The status, once there is a job to tell of.
std::optional<Json> job_status_if_any(const std::filesystem::path& directory);
/// True once its plan is stored, so that there is something to resume.
bool job_is_planned(const std::filesystem::path& directory);
/// True once more than so many chunks are done.
bool job_has_done(const std::filesystem::path& directory, long chunks);

}  // namespace pgstride::test
