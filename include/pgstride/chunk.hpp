// A chunk: a range of one table, the unit that is copied, recorded and redone. Values; no thread
// rule.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pgstride/lsn.hpp"

namespace pgstride {

enum class ChunkKind {
  range,      ///< lower ≤ key < upper, either side may be open; never holds a row with a NULL key
  null_keys,  ///< rows of which some key column is NULL
  ctid,       ///< heap pages [page_lower, page_upper)
  whole,      ///< the whole table
  file        ///< rows of a file, [lower, upper) in bytes of it
};

/// A bound: one text per key column, as the server prints it (NULL never occurs).
using KeyValue = std::vector<std::string>;

struct Chunk {
  std::int64_t id = 0;        ///< number in the checkpoint, 0 before it has one
  std::int64_t table_id = 0;  ///< Table::id
  std::int64_t number = 0;    ///< NNNNNN of the file name; counts through all leaves of one parent
  ChunkKind kind = ChunkKind::whole;
  std::string file;               ///< of kind `file`: its path under what is imported
  std::optional<KeyValue> lower;  ///< inclusive; none is unbounded
  std::optional<KeyValue> upper;  ///< exclusive; none is unbounded
  /// Heap pages, lower inclusive, upper exclusive, none unbounded: the chunk itself for `ctid`; for
  /// `range` and `null_keys` a further cut of a value too common for one chunk.
  std::optional<std::uint32_t> page_lower;
  std::optional<std::uint32_t> page_upper;
  std::int64_t estimated_rows = 0;
  std::int64_t estimated_bytes = 0;  ///< of table, not of file
};

/// What became of a chunk that a worker took.
enum class Outcome {
  done,
  failed,        ///< `error` says why; it will not get better by itself
  cancelled,     ///< a stop cut it short; it is planned again
  snapshot_lost  ///< its snapshot is gone; the job must take a new one
};

/// The number of a job's directory among its targets; databases are numbered from 1 too, as a job
/// has either.
inline constexpr std::int64_t k_directory_target = 1;

/// What became of a chunk's rows in a database's table.
struct LoadCounts {
  std::int64_t rows = 0;        ///< written: new, or in the place of one that was there (`updated`)
  std::int64_t ignored = 0;     ///< the target's row of the same key stays
  std::int64_t superseded = 0;  ///< a later row of the same batch has the same key
  std::int64_t rejected = 0;    ///< refused by the target, written to the rejects
  std::int64_t updated = 0;     ///< of `rows`, those that may have been in the place of one
  bool operator==(const LoadCounts&) const = default;
};

/// What a worker reports of a chunk on one target, and what the checkpoint keeps of it.
struct ChunkResult {
  std::int64_t chunk_id = 0;
  std::int64_t table_id = 0;
  std::int64_t target_id = k_directory_target;
  Outcome outcome = Outcome::failed;
  int attempts = 0;
  std::int64_t rows = 0;
  std::int64_t ignored = 0;  ///< these three: see LoadCounts
  std::int64_t superseded = 0;
  std::int64_t rejected = 0;
  std::int64_t bytes = 0;      ///< of the file, compressed
  std::int64_t raw_bytes = 0;  ///< before compression
  std::string file;            ///< relative to the job's directory; empty if there is none
  std::string xxh3;            ///< XXH3-64 of the file's bytes, 16 hex digits
  Lsn valid_lsn;               ///< the rows are those of this position or later, see correctness 2
  std::string snapshot;        ///< pg_current_snapshot() they were read under
  int worker = 0;
  std::int64_t started_us = 0;  ///< microseconds since 1970, UTC
  std::int64_t finished_us = 0;
  std::string error;  ///< full text, if not done

  void set(const LoadCounts& counts) {
    rows = counts.rows;
    ignored = counts.ignored;
    superseded = counts.superseded;
    rejected = counts.rejected;
  }
};

}  // namespace pgstride
