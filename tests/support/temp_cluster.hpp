// A private PostgreSQL server for a test: unix socket only, in a folder of its own, gone with the
// object and also when the test program is killed (temp_dir.hpp). One thread per object.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "support/pg_exec.hpp"
#include "support/temp_dir.hpp"

namespace pgstride::test {

enum class StopMode { fast, immediate };

struct ClusterOptions {
  /// Folder of initdb, pg_ctl and postgres; empty: PGSTRIDE_PGBIN, else the newest of Debian's.
  /// `tools/get-postgres VERSION DIR` fetches others.
  std::string bin = {};
  bool fsync = false;
  /// Lines for postgresql.conf, after the usual ones.
  std::vector<std::string> settings = {};
  /// Lines for pg_hba.conf, before `local all all trust`.
  std::vector<std::string> hba = {};
};

class TempCluster {
 public:
  /// Makes (a copy of one initdb per test program) and starts it.
  explicit TempCluster(ClusterOptions options = {});
  ~TempCluster();
  TempCluster(const TempCluster&) = delete;
  TempCluster& operator=(const TempCluster&) = delete;

  void start();
  void stop(StopMode mode = StopMode::fast);
  void restart(StopMode mode);

  /// The superuser is `postgres`.
  [[nodiscard]] std::string conninfo(const std::string& database = "postgres",
                                     const std::string& user = "postgres") const;
  /// An empty database of a new name, e.g. one per test case.
  std::string create_database(const std::string& prefix = "t");
  [[nodiscard]] PgSession session(const std::string& database = "postgres") const {
    return PgSession(conninfo(database));
  }
  std::string exec(const std::string& sql, const std::string& database = "postgres") const {
    return pg_exec(conninfo(database), sql);
  }
  [[nodiscard]] const std::filesystem::path& directory() const { return m_dir.path(); }
  [[nodiscard]] std::string log() const { return read_text(m_dir / "log"); }
  [[nodiscard]] int major_version() const;

 private:
  ClusterOptions m_options;
  TempDir m_dir;
  bool m_running = false;
  int m_databases = 0;
};

/// A server shared by all cases of a test program, started on first use.
TempCluster& shared_cluster();

}  // namespace pgstride::test
