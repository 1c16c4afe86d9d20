// A copy with --slot from one database to another, for the command-line tests. One thread.
#pragma once

#include <string>

#include "cli/cli_cluster.hpp"
#include "harness/copy_job.hpp"

namespace pgstride::test {

inline bool says(const Ended& ended, const std::string& text) {
  return ended.err.find(text) != std::string::npos;
}

/// Their slots stay.
inline void drop_subscriptions(const std::string& conninfo) {
  PgSession session(conninfo);
  for (const auto& row : session.rows("SELECT quote_ident(subname) FROM pg_subscription s JOIN "
                                      "pg_database d ON d.oid = s.subdbid "
                                      "WHERE datname = current_database()")) {
    const auto name = row[0].value_or("");
    session.exec("ALTER SUBSCRIPTION " + name + " DISABLE");
    session.exec("ALTER SUBSCRIPTION " + name + " SET (slot_name = NONE)");
    session.exec("DROP SUBSCRIPTION " + name);
  }
}

/// Tables `items` (1,000 rows, primary key) and `no_key` (10 rows, none). The slot is named after
/// the source's database and dropped at the end, since it would keep that from being dropped.
struct SlotMove {
  TempCluster& cluster;
  std::string source_name = cluster.create_database("slot_from");
  std::string target_name = cluster.create_database("slot_into");
  std::string slot = source_name;
  TempDir dir;
  CopyJob job{
      .source = cluster.conninfo(source_name),
      .targets = {cluster.conninfo(target_name)},
      .directory = dir / "job",
      .kinds = {},
      .options = {"--slot", slot, "--publication", "consumer", "--chunk-rows", "100", "-j", "1"}};

  explicit SlotMove(TempCluster& where = cli_cluster()) : cluster(where) {
    const std::string tables = "CREATE TABLE items (id bigint PRIMARY KEY, note text);"
                               "CREATE TABLE no_key (note text);";
    on_source(tables + "INSERT INTO items SELECT i, md5(i::text) FROM generate_series(1, 1000) i;"
                       "INSERT INTO no_key SELECT md5(i::text) FROM generate_series(1, 10) i");
    on_target(tables);
  }
  ~SlotMove() {
    try {
      cluster.exec("DROP DATABASE " + target_name + " (FORCE)");
      on_source("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                "WHERE database = current_database() AND NOT active");
    } catch (const std::exception&) {
      // A test that fails leaves them behind: the cluster goes with the program.
    }
  }
  SlotMove(const SlotMove&) = delete;
  SlotMove& operator=(const SlotMove&) = delete;

  std::string on_source(const std::string& sql) const { return pg_exec(job.source, sql); }
  std::string on_target(const std::string& sql) const { return pg_exec(job.targets[0], sql); }
  [[nodiscard]] std::string slots() const {
    return on_source("SELECT string_agg(slot_name, ',' ORDER BY slot_name) FROM "
                     "pg_replication_slots WHERE database = current_database()");
  }
  [[nodiscard]] std::string publications() const {
    return on_source("SELECT count(*) FROM pg_publication");
  }
  [[nodiscard]] Ended verb(const std::string& name, const Arguments& more = {}) const {
    Arguments arguments = {name, job.directory.string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(program(std::move(arguments)));
  }
  [[nodiscard]] Ended handoff(const Arguments& more) const { return verb("handoff", more); }
};

}  // namespace pgstride::test
