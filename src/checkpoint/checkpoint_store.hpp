// The job's memory of what is done. One implementation keeps it in SQLite; nothing of SQLite shows
// here. One writer: the job's own thread; a reader of another process may open it read-only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/book_store.hpp"
#include "pgstride/chunk.hpp"
#include "pgstride/table.hpp"

namespace pgstride::checkpoint {

/// Written by this version; older ones from k_oldest_readable on are migrated, newer ones refused.
inline constexpr int k_format_version = 5;
inline constexpr int k_oldest_readable = 2;

/// What is known of the job as a whole. Texts are empty and numbers 0 until known.
struct JobRecord {
  std::string uid;           ///< random, never used twice: names the job in its targets' ledgers
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

/// Where a job brings its chunks: its own directory, or databases.
struct TargetRecord {
  std::int64_t id = k_directory_target;
  std::string kind;      ///< directory, database
  std::string conninfo;  ///< without secrets
  std::string system_identifier;
  std::string database;
  bool has_ledger =
      false;              ///< the job stands in the target's ledger, or book; nothing loads before
  bool captured = false;  ///< what --defer-indexes drops there is stored
  /// Of --create-schema: empty, `creating` (perhaps made), `created` (made, what is missing
  /// stored).
  std::string schema_state;
  /// Of tables that held rows of others when the job began: their keys in the ledger, one a line.
  std::string held_rows;
  bool ended = false;  ///< everything is loaded there: the ledger may be dropped
};

/// The slot of a job that hands over to change data capture, and what is made for it at the source.
struct SlotRecord {
  std::string name;
  std::string plugin = "pgoutput";
  bool failover = false;  ///< made with FAILOVER (17 and later)
  /// planned; creating (perhaps made: it was not there when this was stored); created (made, and
  /// the job's alone); dropped (by the job, for good).
  std::string state = "planned";
  /// Of `creating`: a slot that the job makes from then on begins behind it. Set while it is still
  /// planned once its publications may be there.
  Lsn not_before;
  Lsn consistent_point;  ///< C1, of `created`: its snapshot shows what committed below, no more
  /// Where the job itself has put the slot since; a confirmed position beyond it is a consumer's.
  Lsn advanced_to;
  std::string publication;          ///< the consumer's; the job's own if its comment says so
  std::string private_publication;  ///< the job's own: leaves, all operations, no filter
  bool handed_over = false;         ///< a consumer was made that reads from it
  /// Tables not of the job whose changes the consumer's publication tells too, for people; or
  /// empty.
  std::string told_besides;
};

/// What the slot tells of a table (a leaf), as it was when its publications were made.
struct PublishedTable {
  bool published = false;
  std::string reason;                         ///< why it is not published, else empty
  char replica_identity = 'd';                ///< pg_class.relreplident
  std::vector<std::string> identity_columns;  ///< of its index; none under FULL
  bool operator==(const PublishedTable&) const = default;
};

/// A subscription made on a target, and the slot that it reads from: the job's, or a copy of it.
struct ConsumerRecord {
  std::int64_t target_id = 0;
  std::string slot;
  std::string subscription;
  std::string state;  ///< copying (the slot; perhaps made), copied, subscribed
};

/// A file that an import was planned on, as it was then.
struct InputRecord {
  std::string path;
  std::int64_t bytes = 0;
  std::int64_t mtime_ns = 0;
  std::string xxh3;  ///< of its bytes; empty where they were not all read
};

struct TableRecord {
  Table table;
  std::string state;        ///< planned, running, done, failed, removed
  std::string consistency;  ///< snapshot its done chunks have in common: exact, or fuzzy
  std::string error;
};

/// Sums over the deliveries of one table (a leaf): on one target, or on all together.
struct TableTotals {
  std::int64_t table_id = 0;
  std::int64_t target_id = 0;  ///< 0: all
  std::int64_t chunks = 0;
  std::int64_t done = 0;
  std::int64_t running = 0;
  std::int64_t failed = 0;
  std::int64_t redo = 0;  ///< planned again for a reason
  std::int64_t rows = 0;
  std::int64_t ignored = 0;  ///< these three: see LoadCounts
  std::int64_t superseded = 0;
  std::int64_t rejected = 0;
  std::int64_t bytes = 0;
  std::int64_t raw_bytes = 0;
  std::int64_t files = 0;
  std::int64_t done_estimated_bytes = 0;
  std::int64_t estimated_rows = 0;
  std::int64_t estimated_bytes = 0;
};

/// A chunk to copy, for the targets that still need it.
struct Claim {
  Chunk chunk;
  std::vector<std::int64_t> targets;
};

/// A chunk with what is recorded of its delivery to one target (`result.target_id`).
struct Delivery {
  Chunk chunk;
  std::string state;  ///< planned, running, done, failed
  std::string redo_reason;
  /// Its rows changed up to there: what was read before must not count as delivered. 0: never.
  Lsn needed_lsn;
  ChunkResult result;
};

/// Chunks of a table that were, or are to be, delivered again for a reason.
struct RedoneChunks {
  std::int64_t table_id = 0;
  std::string reason;
  std::int64_t chunks = 0;
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

  /// Without a call the job has one target, its directory. Before any chunk is added.
  virtual void set_targets(const std::vector<TargetRecord>& targets) = 0;
  virtual void put_target(const TargetRecord& target) = 0;
  virtual std::vector<TargetRecord> targets() = 0;

  /// What was dropped from a target and is to be built again: opaque texts, in order.
  virtual void put_deferred(std::int64_t target_id, const std::vector<std::string>& objects) = 0;
  virtual std::vector<std::string> deferred(std::int64_t target_id) = 0;

  /// None: the job has no slot.
  virtual std::optional<SlotRecord> slot() = 0;
  virtual void put_slot(const SlotRecord& slot) = 0;
  /// By table id; none for tables that were added since.
  virtual std::map<std::int64_t, PublishedTable> published() = 0;
  virtual void put_published(std::int64_t table_id, const PublishedTable& published) = 0;
  virtual std::vector<ConsumerRecord> consumers() = 0;
  virtual void put_consumer(const ConsumerRecord& consumer) = 0;

  /// Of an import: replaces what is known of its files.
  virtual void put_inputs(const std::vector<InputRecord>& inputs) = 0;
  virtual std::vector<InputRecord> inputs() = 0;

  /// Stores a new table, state `planned`, and returns its id.
  virtual std::int64_t add_table(const Table& table) = 0;
  virtual void put_table(const TableRecord& record) = 0;
  virtual std::vector<TableRecord> tables() = 0;

  /// Stores chunks (Chunk::id is ignored and assigned) with a planned delivery to each target.
  /// Tables are claimed in the order of `rank`, ascending, then chunk number.
  virtual void add_chunks(std::int64_t rank, std::span<const Chunk> chunks) = 0;
  /// Forgets the chunks of a table, to plan it anew.
  virtual void drop_chunks(std::int64_t table_id) = 0;

  /// The next chunk with a planned delivery, in order; all its planned deliveries become `running`.
  /// O(log n). None if there is none.
  virtual std::optional<Claim> claim(int worker, std::int64_t now_us) = 0;
  /// Records a result: done → done; failed → failed; cancelled, snapshot_lost → planned again.
  /// Attempts are added up.
  virtual void finish(const ChunkResult& result) = 0;
  /// `running` → `planned`: after a process that died. Returns how many.
  virtual std::int64_t release_running(const std::string& redo_reason) = 0;
  /// `failed` → `planned`: what a resume tries again. Returns how many.
  virtual std::int64_t release_failed() = 0;
  /// Planned deliveries of a table (0: of all) to a target (0: to all) → failed, so that they are
  /// not claimed again in this run; running ones finish on their own. Returns how many.
  virtual std::int64_t set_aside(std::int64_t table_id, std::int64_t target_id,
                                 const std::string& error) = 0;
  /// A delivery → done as the target's own ledger says, or → planned for a reason (none: `reason`
  /// empty). The ledger decides, whatever the state was.
  virtual void settle(const ChunkResult& result, const std::string& redo_reason) = 0;
  /// All chunks of a table for a target (0: for all) → planned, with a reason where they were done;
  /// attempts, rows and files are cleared. Returns how many were done.
  virtual std::int64_t redo_table(std::int64_t table_id, std::int64_t target_id,
                                  const std::string& reason) = 0;
  /// One done chunk → planned, the same way. Throws Error (internal) if it is not done.
  virtual void redo_chunk(std::int64_t chunk_id, const std::string& reason) = 0;

  /// One done delivery → planned, as its rows changed before `needed`: what was read before that
  /// counts no more, whoever still has it. Throws Error (internal) if it is not done.
  virtual void redo_dirty(std::int64_t chunk_id, std::int64_t target_id, Lsn needed,
                          const std::string& reason) = 0;
  /// What is done of a table holds under the snapshot of `lsn` too: nothing of it has changed.
  virtual void raise_valid(std::int64_t table_id, Lsn lsn, const std::string& snapshot) = 0;
  /// By table, and by reason the most frequent first.
  virtual std::vector<RedoneChunks> redone() = 0;

  /// How each table stood in the publication that the slot is read through, by table id: an opaque
  /// text. Replaces all.
  virtual void put_memberships(const std::map<std::int64_t, std::string>& memberships) = 0;
  virtual std::map<std::int64_t, std::string> memberships() = 0;

  /// How often what was done of a table for a target has been given up, by redo_table() and
  /// drop_chunks(): a target that holds rows of an older generation must lose them first. By table;
  /// 0 where it has none.
  virtual std::map<std::int64_t, std::int64_t> generations(std::int64_t target_id) = 0;

  virtual std::vector<TableTotals> totals() = 0;             ///< over all targets, by table
  virtual std::vector<TableTotals> totals_of_targets() = 0;  ///< by table and target
  virtual std::int64_t next_number(const std::string& schema, const std::string& name) = 0;

  /// Calls `visit` for each delivery of a table in order of number (0: of all tables), streaming.
  /// `state` empty: in any state. `visit` must not write to the store.
  virtual void each_delivery(std::int64_t table_id, const std::string& state,
                             const std::function<void(const Delivery&)>& visit) = 0;

  /// Calls `visit` for the file of each done chunk that has one, streaming, in no order. `visit`
  /// must not write to the store.
  virtual void each_file(const std::function<void(const RecordedFile&)>& visit) = 0;

  /// What targets without a ledger hold.
  virtual BookStore& books() = 0;

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
