// What goes to the workers and what comes back: plain values. No thread rule.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "archive/chunk_file.hpp"
#include "archive/file_facts.hpp"
#include "format/column_filter.hpp"
#include "format/row_cutter.hpp"
#include "format/row_encoder.hpp"
#include "pgstride/chunk.hpp"
#include "pgstride/error.hpp"
#include "target/table_name.hpp"
#include "transfer/load_way.hpp"

namespace pgstride::transfer {

/// A table that workers lock before they read it.
struct LockedTable {
  std::string lock_sql;           ///< takes the lock, NOWAIT
  std::string name;               ///< quoted and qualified
  std::uint32_t oid = 0;          ///< of the leaf, which the name must still mean once it is locked
  std::uint32_t relfilenode = 0;  ///< that it must still have then; 0: it has no storage
};

/// Where the rows of a chunk are in a file.
struct FileRange {
  std::filesystem::path path;
  CompressionMethod compression = CompressionMethod::none;
  std::int64_t lower = 0;             ///< in bytes of the plain text
  std::optional<std::int64_t> upper;  ///< exclusive; none: to the end
  std::int64_t lines_before = 0;      ///< of the file, before `lower`
  std::string xxh3;                   ///< of the file's own bytes; empty: not known
  /// That the file must still have once it is read; none: the checksum tells.
  std::optional<archive::FileFacts> facts;
  std::optional<std::int64_t> rows;  ///< that are there; none: not known
  std::int64_t estimated_rows = 0;
  std::int64_t estimated_bytes = 0;  ///< of the plain text
  Lsn valid_lsn;
  /// Of what can be read once only: set by the first that reads it.
  std::shared_ptr<std::atomic_flag> read_once;
  bool must_hold_bytes = false;  ///< an empty one is a mistake
  /// Of csv and text.
  std::optional<format::RowDialect> dialect;
  std::shared_ptr<const format::KeptColumns> kept;  ///< none: all columns are loaded
};

/// A COPY with FREEZE.
struct FrozenLoad {
  target::TableName table;
  std::string sql;
};

/// One chunk to copy, with all that a worker must know of it.
struct CopyTask {
  std::int64_t chunk_id = 0;
  std::int64_t table_id = 0;
  std::string select;  ///< the query that COPY wraps
  std::string label;   ///< `public.orders chunk 42`, for comments and messages
  std::string path;    ///< of the file, relative to the job's directory
  std::string header;  ///< bytes that begin the file, or empty
  /// The worker reads COPY's binary form and makes this of it; none: the server's COPY options do.
  std::shared_ptr<const format::RowEncoding> encoding;
  LockedTable table;
  std::string table_key;              ///< of a chunk for databases: in their books
  FileRange input;                    ///< of a chunk of kind `file`
  std::string copy_options;           ///< of the reading: inside WITH ( … )
  std::vector<std::string> load_sql;  ///< COPY … FROM STDIN of each target, in their order
  /// The same with FREEZE, by target; of a table's only chunk, where the job may truncate it.
  std::map<std::int64_t, FrozenLoad> frozen;
  /// Of each target: which way its rows go, and how in batches.
  std::vector<std::shared_ptr<const LoadWay>> ways;
  /// By target, of those that `auto` upserts into: whether rows are in the chunk's range there.
  /// While there are none it comes by COPY.
  std::map<std::int64_t, std::string> occupied_sql;
  std::vector<std::int64_t> targets{k_directory_target};  ///< that still need it
  /// Targets where foreign keys refer to rows of the job that may not be there yet: a row that they
  /// refuse need not be a bad one.
  std::set<std::int64_t> awaits_parents;
};

/// A worker has taken the task.
struct TaskBegun {
  std::int64_t chunk_id = 0;
};

/// What became of a chunk on one target.
struct TargetOutcome {
  ChunkResult result;
  std::optional<Error> error;  ///< unless done; kind io means that the whole job can't go on
  bool target_down = false;    ///< the error is the target's connection, not the chunk
  /// Of a chunk that is done but for its file, which must be durable before that is told.
  std::shared_ptr<archive::ChunkFile> file = nullptr;
};

/// A task that left its worker.
struct TaskDone {
  std::int64_t chunk_id = 0;
  std::int64_t table_id = 0;
  std::vector<TargetOutcome> targets;
  /// Set if the server had no connection for this worker: it handed the chunk back and takes no
  /// other.
  std::optional<Error> worker_left = {};
};

struct TaskRetried {
  std::int64_t chunk_id = 0;
  std::int64_t table_id = 0;
  int attempt = 0;
  Error error;
};

/// Comes five times a second, so that the job's thread can look around.
struct Tick {};

/// What a worker asks the job's thread to do, as a part of its next durable step. `done` becomes
/// true after it; destroyed before, it was not done.
struct Errand {
  std::function<void()> run;
  std::promise<bool> done;
};

using Message = std::variant<Tick, TaskBegun, TaskDone, TaskRetried, Errand>;

}  // namespace pgstride::transfer
