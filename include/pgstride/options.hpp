// What a verb is asked to do: plain structs with defaults. Values; no thread rule.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pgstride/table.hpp"

namespace pgstride {

/// The value of a `TABLE:VALUE` option, split at the first colon outside double quotes.
struct TableOption {
  std::string table;  ///< `schema.table`, or a name that is found once; quoted parts are exact
  std::string value;
  bool operator==(const TableOption&) const = default;
};

/// Which tables: psql's patterns (`*`, `?`, quoted parts exact). Empty: all user tables.
struct SelectOptions {
  std::vector<std::string> tables;
  std::vector<std::string> exclude_tables;
  std::vector<std::string> schemas;
  std::vector<std::string> exclude_schemas;
  std::vector<TableOption> where;    ///< an SQL condition; names in it must be qualified
  std::vector<TableOption> columns;  ///< `a,b,c`
};

enum class SplitChoice { automatic, key, ctid, none };

/// How tables are cut.
struct ChunkOptions {
  std::int64_t chunk_bytes = 64LL << 20;   ///< of table (heap and TOAST), see speed.md for the size
  std::optional<std::int64_t> chunk_rows;  ///< instead of bytes
  /// Cut smaller where the whole job is small, so that all workers have work to the end.
  bool share_out = true;
  SplitChoice split = SplitChoice::automatic;
  std::vector<TableOption> keys;       ///< `column[,column]`
  std::vector<TableOption> intervals;  ///< `1 day`: cut on calendar boundaries, UTC
  std::vector<TableOption> bounds;     ///< a file, one inner bound a line, ascending
};

enum class Format { csv, text, binary };
enum class CompressionMethod { none, gzip, zstd, lz4 };

struct Compression {
  CompressionMethod method = CompressionMethod::zstd;
  int level = 1;  ///< the method's own scale
};

/// What the files look like. `delimiter` and `null` are PostgreSQL's COPY options.
struct OutputOptions {
  Format format = Format::csv;
  bool header = false;
  std::optional<char> delimiter;
  std::optional<std::string> null;
  Compression compression;
};

enum class LoadMode { automatic, copy, insert, upsert };
enum class OnConflict { error, ignore, replace, skip };

/// How rows come into a target's tables.
struct LoadOptions {
  LoadMode mode = LoadMode::automatic;
  OnConflict on_conflict = OnConflict::error;
  std::vector<std::string> touch;  ///< columns set to now() instead of preserved
  std::int64_t batch_rows = 50'000;
  std::int64_t min_batch_rows = 500;
  std::optional<std::int64_t> reject_limit;  ///< rows of the whole job; none: a bad row fails
  bool truncate = false;
  bool create_schema = false;
  bool defer_indexes = false;
  bool disable_triggers = false;
  bool ledger = true;
  std::vector<std::pair<std::string, std::string>> map;  ///< `schema.table` there instead of here
  std::string pg_dump;                                   ///< the program, if it is not to be found
};

enum class Consistency { automatic, exact, fuzzy };
enum class OnTableError { stop, proceed };

/// How a job is run. None of these changes the data; each may differ on a resume.
struct RunOptions {
  int jobs = 0;  ///< workers; 0: cores, at most 8
  std::optional<std::int64_t> max_chunks;
  std::optional<std::chrono::milliseconds> max_duration;
  std::optional<std::int64_t> max_rate;  ///< bytes of raw data a second, all workers together
  std::chrono::milliseconds chunk_pause{0};
  int retries = 5;
  std::chrono::milliseconds retry_wait{1000};  ///< doubling, with jitter, at most a minute
  std::chrono::milliseconds statement_timeout{0};
  std::chrono::milliseconds lock_timeout{10'000};
  OnTableError on_table_error = OnTableError::proceed;
  Consistency consistency = Consistency::automatic;
};

/// For change data capture to take over where the job's snapshot ends.
struct SlotOptions {
  std::string slot;         ///< made by the job; empty: no slot
  std::string publication;  ///< for the slot's consumer; made by the job if it is not there
  bool failover = false;    ///< the slot is kept on standbys too (17 and later)
};

struct PlanOptions {
  std::string source;  ///< a libpq connection string; empty: the PG* variables
  SelectOptions select;
  ChunkOptions chunk;
  bool sql = false;      ///< also each chunk with its statement
  bool explain = false;  ///< also EXPLAIN of each table's first chunk
};

struct ExportOptions {
  std::string source;
  std::filesystem::path directory;
  SelectOptions select;
  ChunkOptions chunk;
  OutputOptions output;
  SlotOptions slot;
  RunOptions run;
  bool restart = false;  ///< discard what the directory's job has done
};

struct CopyOptions {
  std::string source;
  std::vector<std::string> targets;  ///< libpq connection strings
  std::filesystem::path directory;   ///< of the job: its checkpoint, rejects
  SelectOptions select;
  ChunkOptions chunk;
  LoadOptions load;
  SlotOptions slot;
  RunOptions run;
  bool restart = false;
};

/// What the files of an import look like that have no manifest; else the manifest says.
struct InputOptions {
  std::optional<Format> format;  ///< csv by default
  bool header = false;
  std::optional<char> delimiter;
  std::optional<std::string> null;
  std::optional<char> quote;
  std::optional<char> escape;
  std::string encoding;                          ///< as PostgreSQL names it; empty: UTF8
  std::optional<CompressionMethod> compression;  ///< none: by the file's name
  std::string columns;  ///< `a,b,c` in the order of the file; empty: the header's, else the table's
  bool operator==(const InputOptions&) const = default;
};

struct ImportOptions {
  std::vector<std::filesystem::path> from;  ///< the directory of an export, or files
  std::vector<std::string> targets;         ///< libpq connection strings
  std::filesystem::path directory;          ///< of the job: its checkpoint, rejects
  std::vector<std::string> tables;  ///< of an export: patterns, empty: all; else the one to load
  InputOptions input;
  LoadOptions load;
  RunOptions run;
  bool restart = false;
};

struct ResumeOptions {
  std::filesystem::path directory;
  std::optional<std::string> source;  ///< none: the stored one (without secrets)
  std::vector<std::string> targets;   ///< matched to the job's by identity; none: the stored ones
  /// Brings a job with a slot, also a finished one, to a new snapshot: what changed is redone.
  bool refresh = false;
  RunOptions run;
};

struct VerifyOptions {
  std::filesystem::path directory;
  /// Of files none: they are compared with the manifest only. Of a copy none: the stored one.
  std::optional<std::string> source;
  std::vector<std::string> targets;  ///< of a copy; matched to the job's, none: the stored ones
  bool keys = false;                 ///< of a copy: also the keys of rows that differ
};

}  // namespace pgstride
