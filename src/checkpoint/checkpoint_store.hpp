// The job's memory of what is done. One implementation keeps it in SQLite; nothing of SQLite shows
// here. One writer: the job's own thread; a reader of another process may open it read-only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pgstride/chunk.hpp"
#include "pgstride/table.hpp"

namespace pgstride::checkpoint {

/// Written by this version; older ones from k_oldest_readable on are migrated, newer ones refused.
inline constexpr int k_format_version = 1;
inline constexpr int k_oldest_readable = 1;

/// What is known of the job as a whole. Texts are empty and numbers 0 until known.
struct JobRecord {
  std::string name;          ///< of the directory
  std::string verb;          ///< export, copy, import
  std::string tool_version;  ///< that made the job
  std::string state;         ///< planning, planned, running, paused, failed, done
  std::string reason;        ///< of a pause or failure
  std::string settings;      ///< what changes the data, as JSON; compared on a resume
  std::string run_settings;  ///< the rest, as JSON, of the last run
  std::string source;        ///< connection string without secrets
  std::string system_identifier;
  std::string database;
  std::string server_version;
  std::int64_t timeline = 0;
  std::string consistency;  ///< exact or fuzzy
  std::string slot;
  std::string publication;
  Lsn start_lsn;               ///< of the first snapshot: where change data capture begins
  Lsn end_lsn;                 ///< no row read is newer than this
  Lsn snapshot_lsn;            ///< of the present snapshot
  std::string snapshot;        ///< pg_current_snapshot() of the present one, empty if none
  std::string first_snapshot;  ///< of the first one
  /// Sessions that hold the present snapshot: `exported id|pid|backend_start` a line.
  std::string holders;
  int pid = 0;  ///< of the last process, for people; liveness is the lock
  std::int64_t created_us = 0;
  std::int64_t started_us = 0;  ///< of the last run
  std::int64_t finished_us = 0;
  std::int64_t worked_us = 0;  ///< time of all former runs together
};

struct TableRecord {
  Table table;
  std::string state;        ///< planned, running, done, failed, removed
  std::string consistency;  ///< snapshot its done chunks have in common: exact, or fuzzy
  std::string error;
  std::int64_t rejected = 0;
};

/// Sums over the deliveries of one table (a leaf).
struct TableTotals {
  std::int64_t table_id = 0;
  std::int64_t chunks = 0;
  std::int64_t done = 0;
  std::int64_t running = 0;
  std::int64_t failed = 0;
  std::int64_t redo = 0;  ///< planned again for a reason
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  std::int64_t raw_bytes = 0;
  std::int64_t files = 0;
  std::int64_t done_estimated_bytes = 0;
  std::int64_t estimated_rows = 0;
  std::int64_t estimated_bytes = 0;
};

/// A chunk with what is recorded of its delivery.
struct Delivery {
  Chunk chunk;
  std::string state;  ///< planned, running, done, failed
  std::string redo_reason;
  ChunkResult result;
};

/// A finished chunk's file.
struct RecordedFile {
  std::int64_t chunk_id = 0;
  std::int64_t table_id = 0;
  std::string file;        ///< relative to the job's directory
  std::int64_t bytes = 0;  ///< of the file
};

struct EventRecord {
  std::int64_t time_us = 0;
  std::string kind;  ///< start, stop, retry, fault, snapshot, redo, …
  std::string message;
};

/// All calls throw Error (ErrorKind::checkpoint; io where the disk is full).
class CheckpointStore {
 public:
  virtual ~CheckpointStore() = default;

  /// Groups what follows into one durable step: all of it or nothing. Without one each call is its
  /// own. The destructor abandons unless commit() was called. Not nested.
  class Batch {
   public:
    virtual ~Batch() = default;
    virtual void commit() = 0;
  };
  virtual std::unique_ptr<Batch> batch() = 0;

  virtual std::optional<JobRecord> job() = 0;
  virtual void put_job(const JobRecord& job) = 0;

  /// Stores a new table, state `planned`, and returns its id.
  virtual std::int64_t add_table(const Table& table) = 0;
  virtual void put_table(const TableRecord& record) = 0;
  virtual std::vector<TableRecord> tables() = 0;

  /// Stores chunks (Chunk::id is ignored and assigned) with a planned delivery each. Tables are
  /// claimed in the order of `rank`, ascending, then chunk number.
  virtual void add_chunks(std::int64_t rank, std::span<const Chunk> chunks) = 0;
  /// Forgets the chunks of a table, to plan it anew.
  virtual void drop_chunks(std::int64_t table_id) = 0;

  /// The next planned chunk, in order; it becomes `running`. O(log n). None if there is none.
  virtual std::optional<Chunk> claim(int worker, std::int64_t now_us) = 0;
  /// Records a result: done → done; failed → failed; cancelled, snapshot_lost → planned again.
  /// Attempts are added up.
  virtual void finish(const ChunkResult& result) = 0;
  /// `running` → `planned`: after a process that died. Returns how many.
  virtual std::int64_t release_running(const std::string& redo_reason) = 0;
  /// `failed` → `planned`: what a resume tries again. Returns how many.
  virtual std::int64_t release_failed() = 0;
  /// Planned chunks of a table → failed, so that they are not claimed again in this run; running
  /// ones finish on their own. Returns how many.
  virtual std::int64_t set_aside(std::int64_t table_id, const std::string& error) = 0;
  /// All chunks of a table → planned, with a reason where they were done; attempts, rows and files
  /// are cleared. Returns how many were done.
  virtual std::int64_t redo_table(std::int64_t table_id, const std::string& reason) = 0;
  /// One done chunk → planned, the same way. Throws Error (internal) if it is not done.
  virtual void redo_chunk(std::int64_t chunk_id, const std::string& reason) = 0;

  virtual std::vector<TableTotals> totals() = 0;
  virtual std::int64_t next_number(const std::string& schema, const std::string& name) = 0;

  /// Calls `visit` for each delivery of a table in order of number (0: of all tables), streaming.
  /// `state` empty: in any state. `visit` must not write to the store.
  virtual void each_delivery(std::int64_t table_id, const std::string& state,
                             const std::function<void(const Delivery&)>& visit) = 0;

  /// Calls `visit` for the file of each done chunk that has one, streaming, in no order. `visit`
  /// must not write to the store.
  virtual void each_file(const std::function<void(const RecordedFile&)>& visit) = 0;

  virtual void add_event(const EventRecord& event) = 0;
  virtual std::vector<EventRecord> events() = 0;
};

/// Opens or makes `directory/checkpoint.db`: WAL, synchronous=FULL.
std::unique_ptr<CheckpointStore> open_store(const std::filesystem::path& directory);
/// Opens an existing one for reading, also while another process writes it. Throws Error (usage) if
/// the directory holds no job.
std::unique_ptr<CheckpointStore> open_store_read_only(const std::filesystem::path& directory);
/// True if the directory holds a checkpoint.
bool has_store(const std::filesystem::path& directory);

}  // namespace pgstride::checkpoint
