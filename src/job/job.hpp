// A job while it runs: its directory, checkpoint, settings and who is told. One per process and
// directory; belongs to the job's thread.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/job_lock.hpp"
#include "checkpoint/checkpoint_store.hpp"
#include "handoff/snapshot.hpp"
#include "pgstride/events.hpp"
#include "pgstride/options.hpp"
#include "pgstride/stop.hpp"
#include "target/load_book.hpp"

namespace pgstride::job {

/// A database that a job loads, as this run sees it.
struct JobTarget {
  checkpoint::TargetRecord record;
  std::string conninfo;                    ///< as given, secrets and all: never stored
  std::shared_ptr<target::LoadBook> book;  ///< what is loaded there
  std::set<std::string> full;              ///< keys of its tables that held rows before the job
  /// Unique indexes that the load needs, by table: --defer-indexes leaves them there.
  std::vector<std::pair<target::TableName, std::string>> needed_indexes;
};

struct Job {
  std::filesystem::path directory;
  std::string name;
  std::unique_ptr<JobLock> lock;
  std::unique_ptr<checkpoint::CheckpointStore> store;
  checkpoint::JobRecord record;
  std::string conninfo;  ///< as given, secrets and all: never stored
  SelectOptions select;
  ChunkOptions chunk;
  OutputOptions output;                     ///< of an export
  LoadOptions load;                         ///< of a copy or import
  std::vector<std::filesystem::path> from;  ///< of an import: absolute
  InputOptions input;                       ///< of an import
  bool standard_input_begun = false;        ///< its header is read
  std::vector<JobTarget> targets;
  SlotOptions slot_options;                    ///< of a new job
  std::optional<checkpoint::SlotRecord> slot;  ///< of a job with --slot: as stored
  bool refresh = false;  ///< all that is done is to be brought to a new snapshot
  /// How the tables stood in the private publication before the job's slot was made, by table id.
  std::map<std::int64_t, std::string> memberships;
  RunOptions run;
  Events* events = nullptr;
  StopTokens stop;
  std::map<std::string, double> table_seconds;  ///< of the tables that this run finished
  /// Table and target (0: all) that failed in this run: not tried again before the next.
  std::set<std::pair<std::int64_t, std::int64_t>> set_aside;
  /// A target turned out to hold chunks of another snapshot than the last one: that may not go on.
  bool older_chunks = false;
  std::optional<pg::Connection> question_session;  ///< of questions()
  bool schema_dumped = false;  ///< of --create-schema, by this process: it can't be out of date

  /// A session named `pgstride/<job>/<role>`, which a stop ends.
  [[nodiscard]] pg::Connection connect(const std::string& role) const;
  /// The source's session for the questions that come before the transfer, kept from one to the
  /// next; outside of a transaction. Opened again if it was lost.
  [[nodiscard]] pg::Connection& questions();
  [[nodiscard]] pg::Connection connect_target(const JobTarget& target,
                                              const std::string& role) const;
  [[nodiscard]] bool loads() const { return !targets.empty(); }
  [[nodiscard]] handoff::Connect connector() const;
  /// Stores the record.
  void save() { store->put_job(record); }
  /// What failed in this run is kept from being claimed again in it.
  void set_aside_failed();
  /// Keeps what happened in the checkpoint, for status and report.
  void note(const std::string& kind, const std::string& message);
  /// Tells and keeps a warning.
  void warn(const std::string& message, const std::string& hint);
  [[nodiscard]] handoff::Waiting waiting();
};

/// How many workers a run has: as asked, else as many as cores, at most 8.
int worker_count(const RunOptions& run);

/// `exported` or `loaded`, for messages.
const char* transferred(const Job& job);

/// What the consistency of a job promises, in plain words.
std::string consistency_note(const checkpoint::JobRecord& record,
                             checkpoint::CheckpointStore& store);

}  // namespace pgstride::job
