#include "harness/job_status.hpp"

#include <stdexcept>

#include "support/run_program.hpp"

namespace pgstride::test {

Json job_status(const std::filesystem::path& directory, bool with_chunks) {
  Arguments arguments = {"status", directory, "--json"};
  if (with_chunks) {
    arguments.push_back("--chunks");
  }
  return Json::parse(run_or_throw(program(std::move(arguments))));
}

std::optional<Json> job_status_if_any(const std::filesystem::path& directory) {
  const auto ended = run(program({"status", directory, "--json"}));
  if (ended.code == 2) {
    return std::nullopt;
  }
  if (ended.code != 0) {
    throw std::runtime_error("status: " + ended.text());
  }
  return Json::parse(ended.out);
}

bool job_is_planned(const std::filesystem::path& directory) {
  const auto status = job_status_if_any(directory);
  return status && status->at("chunks").at("total") > 0;
}

bool job_has_done(const std::filesystem::path& directory, long chunks) {
  const auto status = job_status_if_any(directory);
  return status && status->at("chunks").at("done") > chunks;
}

}  // namespace pgstride::test
