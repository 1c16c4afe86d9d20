// Jobs with a slot on a table of their own, killed and resumed by tests of the program.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "harness/copy_job.hpp"
#include "harness/export_job.hpp"
#include "harness/trial.hpp"
#include "support/temp_cluster.hpp"

namespace pgstride::test {

inline TempCluster& source_cluster() {
  static TempCluster cluster(logical_options());
  return cluster;
}

inline bool says(const Ended& ended, const std::string& text) {
  return ended.err.find(text) != std::string::npos;
}

inline const TableKind& keyed() {
  static const TableKind kind{.name = "keyed", .key = "id", .key_type = "bigint", .primary = true};
  return kind;
}

/// A table of a source, with a job on it that has a slot named after the database.
struct Source {
  std::string name = source_cluster().create_database("exact");
  PgSession session = source_cluster().session(name);
  TempDir dir;

  explicit Source(const std::string& sql) { session.exec(sql); }
  ~Source() {
    try {  // slots of a database go with it
      session = PgSession(source_cluster().conninfo());
      session.exec("DROP DATABASE " + name + " (FORCE)");
    } catch (const std::exception&) {
      // A test that fails leaves a session at the slot: the cluster goes with the program.
    }
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  [[nodiscard]] std::vector<std::string> options(std::vector<std::string> more) const {
    more.insert(more.end(), {"--slot", name, "--publication", "changes"});
    return more;
  }
  [[nodiscard]] ExportJob export_job(const std::vector<std::string>& more) const {
    return {.conninfo = source_cluster().conninfo(name),
            .directory = dir / "job",
            .kinds = {keyed()},
            .options = options(more)};
  }
  [[nodiscard]] std::string confirmed() const {
    return source_cluster().exec(
        "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '" + name + "'");
  }
};

inline const std::string k_keyed =
    "CREATE TABLE keyed (id bigint PRIMARY KEY, note text);"
    "INSERT INTO keyed SELECT i, 'row ' || i FROM generate_series(1, %) i;"
    "ANALYZE keyed";

inline std::string keyed_rows(long rows) {
  auto sql = k_keyed;
  return sql.replace(sql.find('%'), 1, std::to_string(rows));
}

inline void check_files(Source& source, const ExportJob& job) {
  CHECK(joined(check_at_rest(source.session, job.directory, job.kinds)) == "");
}

inline Json table_of(const Json& status) {
  return status.at("tables").at(0);
}

/// A copy of a source's table into a new database of another server.
struct Copy : Source {
  std::string target;
  CopyJob job;

  Copy(const std::string& source_sql, const std::string& target_sql,
       const std::vector<std::string>& more = {})
      : Source(source_sql) {
    static TempCluster targets;
    target = targets.conninfo(targets.create_database("into"));
    pg_exec(target, target_sql);
    job = {.source = source_cluster().conninfo(name),
           .targets = {target},
           .directory = dir / "job",
           .kinds = {keyed()},
           .options = options({"--chunk-rows", "100", "-j", "1"})};
    job.options.insert(job.options.end(), more.begin(), more.end());
  }

  void check_same() {
    const auto sql = "SELECT count(*), sum(hashtextextended(keyed::text, 0)) FROM keyed";
    CHECK(pg_exec(target, sql) == session.exec(sql));
  }
};

}  // namespace pgstride::test
