// What a consumer of a job's slot is given: its start as JSON, Debezium's configuration, the SQL of
// a native subscription, StarRocks' loads. Never a password. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pgstride/lsn.hpp"

namespace pgstride::handoff {

struct HandoffTable {
  std::string schema;
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::string> key;  ///< columns that the changes are told by; empty: all, or none
  bool published = true;
  std::string reason;  ///< why not
  /// Changes that its rows hold already do no harm where they are applied by key: it is split by
  /// its primary key, or was read under one snapshot and has a key.
  bool mergeable = true;
  std::string consistency;
};

/// A consumer that is a database: which slot it reads from.
struct HandoffTarget {
  std::int64_t id = 0;
  std::string database;  ///< for people
  std::string slot;
  std::string subscription;
};

/// The seam between a job's rows and the changes after them.
struct Handoff {
  std::string job;
  std::string directory;
  Lsn start_lsn;
  std::string slot;  ///< empty: nothing keeps the WAL
  std::string publication;
  std::int64_t timeline = 0;
  std::string consistency;
  std::string note;      ///< what it promises
  std::string conninfo;  ///< of the source, without secrets
  std::string host;
  std::string port;
  std::string user;
  std::string database;
  std::vector<HandoffTable> tables;
  std::vector<HandoffTarget> targets;
};

/// One line.
std::string handoff_json(const Handoff& handoff);

/// For Debezium Server, or a worker of Kafka Connect in standalone mode.
std::string debezium_properties(const Handoff& handoff);
/// To POST to Kafka Connect's /connectors.
std::string debezium_connector_json(const Handoff& handoff);

/// What psql is to run, on the source where it says so and on each target.
std::string subscription_sql(const Handoff& handoff);
/// The statements by themselves.
std::string create_subscription(const HandoffTarget& target, const std::string& publication,
                                const std::string& conninfo);
std::string advance_origin(const HandoffTarget& target, Lsn lsn);
std::string enable_subscription(const HandoffTarget& target);
std::string copy_slot(const std::string& from, const std::string& to);

/// A chunk's file, as StarRocks is to load it.
struct StreamLoadFile {
  std::string file;   ///< below the job's directory
  std::string label;  ///< once for all tries: what is in is not loaded again
};
/// How the files' rows are written.
struct StreamLoadFormat {
  bool header = false;
  bool quoted = true;  ///< csv; else text
  std::string delimiter = ",";
  std::string null;
  std::string decompress = "cat";  ///< program that gives the plain bytes
};

/// A shell script in three parts: the head, a call for each file, and the statements for the
/// changes.
std::string starrocks_head(const Handoff& handoff, const StreamLoadFormat& format);
std::string starrocks_load(const HandoffTable& table, const StreamLoadFormat& format,
                           const StreamLoadFile& file);
std::string starrocks_routine_load(const Handoff& handoff);

/// The topics' prefix for Debezium: the job's name with what Kafka does not take replaced.
std::string topic_prefix(const std::string& job);

}  // namespace pgstride::handoff
