#include "harness/export_job.hpp"

#include <stdexcept>

namespace pgstride::test {

Arguments ExportJob::export_command() const {
  Arguments arguments = {"export",     "--source", conninfo,       "--out", directory,
                         "--progress", "none",     "--retry-wait", "50ms"};
  for (const auto& kind : kinds) {
    arguments.insert(arguments.end(), {"-t", kind.quoted()});
    arguments.insert(arguments.end(), kind.options.begin(), kind.options.end());
  }
  arguments.insert(arguments.end(), options.begin(), options.end());
  return program(std::move(arguments));
}

Arguments ExportJob::resume_command(const std::vector<std::string>& more) const {
  Arguments arguments = {"resume", directory, "--progress", "none", "--retry-wait", "50ms"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return program(std::move(arguments));
}

Ended ExportJob::run_export(const Environment& environment) const {
  return run(export_command(), environment);
}

Ended ExportJob::run_resume(const std::vector<std::string>& more) const {
  return run(resume_command(more));
}

Json ExportJob::status(bool with_chunks) const {
  Arguments arguments = {"status", directory, "--json"};
  if (with_chunks) {
    arguments.push_back("--chunks");
  }
  return Json::parse(run_or_throw(program(std::move(arguments))));
}

std::optional<Json> ExportJob::status_if_any() const {
  const auto ended = run(program({"status", directory, "--json"}));
  if (ended.code == 2) {
    return std::nullopt;
  }
  if (ended.code != 0) {
    throw std::runtime_error("status: " + ended.text());
  }
  return Json::parse(ended.out);
}

bool ExportJob::is_planned() const {
  const auto status = status_if_any();
  return status && status->at("chunks").at("total") > 0;
}

bool ExportJob::has_done(long chunks) const {
  const auto status = status_if_any();
  return status && status->at("chunks").at("done") > chunks;
}

}  // namespace pgstride::test
