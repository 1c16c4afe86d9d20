// What a running job tells. The library calls these from the job's own thread, one at a time; an
// implementation renders them (bar, lines, JSON) and must not block for long or throw.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pgstride/chunk.hpp"
#include "pgstride/table.hpp"

namespace pgstride {

struct JobStarted {
  std::string job;  ///< name of the directory
  std::string verb;
  bool resumed = false;
  std::string consistency;  ///< exact or fuzzy
  Lsn start_lsn;
  int workers = 0;
  std::int64_t tables = 0;
  std::int64_t chunks = 0;
  std::int64_t chunks_done = 0;  ///< by earlier runs
  std::int64_t estimated_rows = 0;
  std::int64_t estimated_bytes = 0;
};

struct TableStarted {
  std::string table;
  std::string format;         ///< in which the rows are read: csv, text or binary
  std::string format_reason;  ///< of a copy: why text, not binary; else empty
};

struct TableDone {
  std::string table;
  bool failed = false;
  std::string error;
  std::int64_t chunks = 0;
  std::int64_t rows = 0;
  std::int64_t ignored = 0;  ///< these three: see LoadCounts
  std::int64_t superseded = 0;
  std::int64_t rejected = 0;
  std::int64_t bytes = 0;
  std::int64_t raw_bytes = 0;
  std::int64_t files = 0;
  double seconds = 0;
};

/// Rates are over the last few seconds; `eta_s` is absent until it means something.
struct Progress {
  std::int64_t tables_done = 0;
  std::int64_t tables = 0;
  std::int64_t chunks_done = 0;
  std::int64_t chunks = 0;
  std::int64_t rows = 0;
  std::int64_t estimated_rows = 0;
  std::int64_t bytes = 0;
  std::int64_t raw_bytes = 0;
  double percent = 0;
  double rows_per_s = 0;
  double bytes_per_s = 0;
  double raw_bytes_per_s = 0;
  std::optional<double> eta_s;
};

/// The end of a run, whatever it was.
struct JobSummary {
  std::string job;
  std::string state;       ///< done, paused, failed
  std::string reason;      ///< of a pause or failure, for a person
  bool unchanged = false;  ///< the job was done before; nothing was run
  std::int64_t tables = 0;
  std::int64_t tables_failed = 0;
  std::int64_t chunks = 0;
  std::int64_t chunks_done = 0;
  std::int64_t files = 0;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  std::int64_t raw_bytes = 0;
  std::int64_t ignored = 0;  ///< these three: see LoadCounts
  std::int64_t superseded = 0;
  std::int64_t rejected = 0;
  double seconds = 0;
  double rows_per_s = 0;
  double bytes_per_s = 0;
  Lsn start_lsn;
  Lsn end_lsn;
  std::string consistency;
  std::string consistency_note;  ///< in plain words what it promises
  std::vector<TableDone> per_table;
};

class Events {
 public:
  virtual ~Events() = default;
  virtual void planned(const Table& /*table*/) {}
  virtual void job_started(const JobStarted& /*event*/) {}
  virtual void table_started(const TableStarted& /*event*/) {}
  virtual void chunk_started(const Table& /*table*/, const Chunk& /*chunk*/) {}
  virtual void chunk_done(const Table& /*table*/, const ChunkResult& /*result*/) {}
  virtual void chunk_retried(const Table& /*table*/, std::int64_t /*chunk_number*/, int /*attempt*/,
                             const std::string& /*error*/) {}
  virtual void table_done(const TableDone& /*event*/) {}
  virtual void progress(const Progress& /*event*/) {}
  virtual void warning(const std::string& /*message*/, const std::string& /*hint*/) {}
  virtual void info(const std::string& /*message*/) {}
  virtual void paused(const JobSummary& /*summary*/) {}
  virtual void job_done(const JobSummary& /*summary*/) {}
};

}  // namespace pgstride
