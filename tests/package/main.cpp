// Calls the installed library: the version, and a verb that must refuse a directory without a job.
#include <cstdio>
#include <filesystem>

#include "pgstride/error.hpp"
#include "pgstride/job.hpp"
#include "pgstride/version.hpp"

int main() {
  try {
    (void)pgstride::job_status(std::filesystem::path("no-job-here"), false);
  } catch (const pgstride::Error& error) {
    std::printf("pgstride %s: %s\n", pgstride::k_version, error.what());
    return 0;
  }
  std::puts("a directory without a job was taken for a job");
  return 1;
}
