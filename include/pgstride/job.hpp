// The verbs. Each call runs a job to its end on the calling thread (workers are its own) and may be
// made from any thread, one call per job directory at a time; another process holding the directory
// is an Error (ErrorKind::checkpoint) naming it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pgstride/events.hpp"
#include "pgstride/options.hpp"
#include "pgstride/stop.hpp"

namespace pgstride {

/// Who makes csv and text of a table's rows; the bytes are the same.
enum class Formatter {
  client,  ///< the workers, from COPY's binary form, which costs the server less
  server   ///< the server, because no column is of a type that the workers know
};

/// One table of a plan: the table and, on request, the SQL of its chunks.
struct PlannedTable {
  Table table;
  Formatter formatter = Formatter::client;
  std::vector<Chunk> chunks;     ///< if asked for with their statements
  std::vector<std::string> sql;  ///< a statement per chunk
  std::string explain;           ///< of the first chunk, if asked for
};

/// Plans without making a job: nothing is written, here or on the server. Throws Error.
std::vector<PlannedTable> plan_tables(const PlanOptions& options, Events& events);

/// Exports tables to chunk files, or goes on with the job that stands in the directory.
/// Returns when done, paused or failed (`JobSummary::state`); throws Error where nothing was begun
/// or nothing can be recorded any more. The job can be resumed after either.
JobSummary export_tables(const ExportOptions& options, Events& events, const StopTokens& stop);

/// Copies tables into tables of other databases, each row once in each, or goes on with the job
/// that stands in the directory. As export_tables.
JobSummary copy_tables(const CopyOptions& options, Events& events, const StopTokens& stop);

/// Loads files into tables of databases, each row once in each, or goes on with the job that stands
/// in the directory. As export_tables.
JobSummary import_files(const ImportOptions& options, Events& events, const StopTokens& stop);

/// Goes on with a job. `done` at once and `unchanged` if it is finished.
JobSummary resume_job(const ResumeOptions& options, Events& events, const StopTokens& stop);

struct CleanOptions {
  std::filesystem::path directory;
  std::optional<std::string> source;  ///< none: the stored one (without secrets)
  std::vector<std::string> targets;   ///< matched to the job's by identity; none: the stored ones
  bool yes = false;                   ///< also of a job that is not done
};

/// Drops what a job that is done, or was given up, has left on its servers: its rows in the
/// targets' ledgers, and the ledgers with their last job; indexes that it dropped are built first;
/// at the source its slot and publications, unless a consumer has the slot.
/// Of a job that is not done, which can't go on afterwards, only with `yes`. May be done again.
/// Returns a sentence for each target. Throws Error: usage; checkpoint while a process has the job;
/// of the first target that could not be cleaned, once the others are.
std::vector<std::string> clean_job(const CleanOptions& options, Events& events,
                                   const StopTokens& stop);

struct TableStatus {
  std::string name;
  std::string key;
  std::string split;
  std::string state;
  std::string consistency;
  std::int64_t chunks = 0;
  std::int64_t done = 0;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  std::int64_t rejected = 0;
  std::int64_t redone = 0;  ///< chunks that were, or are to be, delivered again
  std::string redo_reason;  ///< of most of them; `; ` parts it from others
  std::string error;
  std::optional<bool> published;  ///< of a job with a slot, once its publications were made
  std::string unpublished;        ///< why not
};

struct ChunkStatus {
  std::string table;
  std::string leaf;  ///< of a partition, else empty
  Chunk chunk;
  std::string state;
  std::string redo_reason;
  ChunkResult result;
};

/// Where a job stands; see cli.md for the meaning of the names.
struct JobStatus {
  std::string job;
  std::string verb;
  std::string state;  ///< planned, running, paused, interrupted, failed, done
  std::string reason;
  bool alive = false;
  bool held = false;  ///< paused with `--hold`: its snapshot lives
  int pid = 0;
  std::int64_t started_us = 0;
  std::int64_t finished_us = 0;
  std::int64_t chunks_total = 0;
  std::int64_t chunks_done = 0;
  std::int64_t chunks_running = 0;
  std::int64_t chunks_failed = 0;
  std::int64_t chunks_redo = 0;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  std::int64_t estimated_rows = 0;
  double percent = 0;
  std::optional<double> eta_s;
  Lsn start_lsn;
  Lsn end_lsn;
  std::string slot;
  std::string publication;
  std::optional<bool> ledger;        ///< of a copy or import: whether its targets keep one
  std::string snapshot;              ///< pg_current_snapshot() of the present one
  std::vector<std::string> holders;  ///< exported ids of the sessions that hold it, while they live
  std::string consistency;
  std::string consistency_note;
  std::vector<TableStatus> tables;
  std::vector<ChunkStatus> chunks;  ///< on request
};

/// Reads the checkpoint; works while the job runs and after it died. Throws Error.
JobStatus job_status(const std::filesystem::path& directory, bool with_chunks);

/// Asks the running job of a directory to finish its chunks in flight and pause, and waits until it
/// has. With `hold` it keeps its snapshot, so that a resume goes on exactly. Returns its status
/// then. Throws Error: stopped; snapshot if `hold` is asked of a job that no process runs or holds.
JobStatus pause_job(const std::filesystem::path& directory, bool hold, const StopTokens& stop);

/// A row that is not the same on both sides.
struct DifferingKey {
  std::string key;   ///< values of the primary key; of a table without one the row's, cut
  std::string what;  ///< missing (there), extra, changed
};

struct Difference {
  std::string table;
  std::optional<std::int64_t> chunk;  ///< number; none where the whole table is meant
  std::string what;                   ///< size, xxh3, rows, hash, damaged, missing, extra
  std::string expected;
  std::string found;
  std::string file;  ///< relative to the job's directory; empty where no file is meant
  std::string found_in = "the files";   ///< where `found` is: the files, or `target 1`
  std::vector<DifferingKey> keys = {};  ///< if asked for: the first so many
  std::int64_t more_keys = 0;           ///< rows that differ besides
};

struct VerifiedTable {
  std::string name;
  std::int64_t chunks = 0;
  std::vector<Difference> differing;
};

struct VerifyReport {
  bool ok = true;
  std::string consistency;       ///< of the job: exact or fuzzy
  std::string consistency_note;  ///< in plain words what it promises
  std::string against;           ///< what the rows were compared with, for people
  std::vector<VerifiedTable> tables;
};

/// Compares files with the manifest and, with a source, chunks with the source's rows. Throws
/// Error.
VerifyReport verify_job(const VerifyOptions& options, Events& events, const StopTokens& stop);

}  // namespace pgstride
