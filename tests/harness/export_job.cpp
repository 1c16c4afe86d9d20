#include "harness/export_job.hpp"

#include "harness/job_status.hpp"

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
  return job_status(directory, with_chunks);
}

std::optional<Json> ExportJob::status_if_any() const {
  return job_status_if_any(directory);
}

bool ExportJob::is_planned() const {
  return job_is_planned(directory);
}

bool ExportJob::has_done(long chunks) const {
  return job_has_done(directory, chunks);
}

}  // namespace pgstride::test
