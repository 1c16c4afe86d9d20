// pg_dump and pg_restore: where they are, and which versions. Any thread.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

namespace pgstride::target {

struct PgPrograms {
  std::string pg_dump;     ///< path
  std::string pg_restore;  ///< path, beside it and of the same version
  int major = 0;
};

/// The oldest pair that can read a server of this major version: a newer one writes statements that
/// an older target may not know. Looks at `path` alone if it is given (`--pg-dump`), else through
/// PATH and where Debian and Red Hat put the versions. Throws Error (usage) naming what was found.
PgPrograms find_pg_programs(const std::string& path, int server_major, const std::stop_token& stop);

/// `pg_dump (PostgreSQL) 15.18 (Debian …)` → 15; 0 if it is no such line.
int major_of(const std::string& version_line);

}  // namespace pgstride::target
